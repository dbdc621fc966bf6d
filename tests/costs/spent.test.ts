import { dayStart, monthStart, microsIn, spentIn } from '../../src/costs/spent';
import { Charge } from '../../src/db/charge';
import { film_id } from '../fixtures/workspaces';
import { ago, hourMs } from '../helpers/attempts';
import { forgetCosts, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(forgetCosts);

test('what was spent is added up for each currency, and what is not known adds nothing', async () => {
  await reserved(0.25);
  await reserved(0.5);
  await reserved(null);
  await reserved(0, { cost: { currency: 'CNY', micros: 300_000, basis: 'bound', priced_on: null } });
  expect(await spentIn({})).toEqual([usd(0.75), { currency: 'CNY', micros: 300_000 }]);
});

test('it can be asked for a film, from a time on, or for what is unclear', async () => {
  const { attempt_id } = await reserved(1);
  await reserved(2, { film_id: '0000000000000000000000f2' });
  await Charge.updateOne({ attempt_id }, { $set: { state: 'maybe', started_at: ago(hourMs) } });
  expect(await spentIn({ filmId: film_id })).toEqual([usd(1)]);
  expect(await spentIn({ since: ago(hourMs / 2) })).toEqual([usd(2)]);
  expect(await spentIn({ onlyUnclear: true })).toEqual([usd(1)]);
  expect(microsIn(await spentIn({}), 'CNY')).toBe(0);
});

test('days and months begin at midnight of this server', () => {
  const date = new Date(2026, 11, 31, 23, 59);
  expect(dayStart(date)).toEqual(new Date(2026, 11, 31));
  expect(dayStart(date, 1)).toEqual(new Date(2027, 0, 1));
  expect(monthStart(date)).toEqual(new Date(2026, 11, 1));
});
