process.env.SPEND_LIMIT_PER_DAY = '20 USD, 100.5 CNY';

import { limitsFor } from '../../src/costs/limits';
import { dayStart } from '../../src/costs/spent';
import { film_id } from '../fixtures/workspaces';
import { forgetCosts, limitFilm, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(forgetCosts);

test('the limits of today and of a film, with what was spent of each', async () => {
  await limitFilm(usd(5));
  await reserved(2);
  await reserved(3, { film_id: '0000000000000000000000f2' });
  const resets_at = dayStart(new Date(), 1).toISOString();
  const days = [
    { scope: 'day', limit: usd(20), spent: usd(5), resets_at },
    { scope: 'day', limit: { currency: 'CNY', micros: 100_500_000 }, spent: { currency: 'CNY', micros: 0 }, resets_at },
  ];
  expect(await limitsFor(undefined)).toEqual(days);
  const ofFilm = { scope: 'film', limit: usd(5), spent: usd(2), resets_at: null };
  expect(await limitsFor(film_id)).toEqual([...days, ofFilm]);
});
