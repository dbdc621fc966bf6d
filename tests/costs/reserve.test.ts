process.env.SPEND_LIMIT_PER_DAY = '3 USD';

import { microsIn, spentIn } from '../../src/costs/spent';
import { reserve, takeBack } from '../../src/costs/reserve';
import { Charge, Spend, type StoredCharge } from '../../src/db/charge';
import { film_id } from '../fixtures/workspaces';
import { ago, hourMs, rejectionOf } from '../helpers/attempts';
import { chargeOf, forgetCosts, limitFilm, requestOf, reserved, states, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
beforeAll(() => Charge.createIndexes());
afterEach(forgetCosts);

const refusalOf = async (...given: Parameters<typeof requestOf>) => {
  const before = await states();
  const error = await rejectionOf(reserve(requestOf(...given)));
  expect(await states()).toEqual(before);
  return error;
};

test('a reservation has everything that its click knew', async () => {
  const charge = await reserved(0.6, { accept_over_limit: true });
  expect(charge).toMatchObject({
    state: 'reserved',
    provider: 'runway',
    model: 'gen4.5',
    cost: { ...usd(0.6), basis: 'estimate', priced_on: '2026-09-24' },
    accept_over_limit: true,
    accept_unknown_price: false,
    settled_at: null,
  });
  expect(Date.now() - charge.started_at.getTime()).toBeLessThan(10_000);
});

test('what is reserved reaches the limit exactly, and nothing passes it', async () => {
  await reserved(2);
  await reserved(1);
  const error = await refusalOf(0.000001);
  expect(error.code).toBe('SPEND_LIMIT_REACHED');
  expect(error.message).toMatch(
    /^The limit per day is 3\.00 USD: 3\.00 USD are spent or reserved and this video needs about 0\.000001 USD; it resets at \d{4}-/,
  );
});

test('a click that accepts to pass the limit goes on, and the next one is refused', async () => {
  await reserved(2);
  expect(await reserved(2, { accept_over_limit: true })).toMatchObject({ accept_over_limit: true });
  expect((await refusalOf(0.1)).code).toBe('SPEND_LIMIT_REACHED');
});

test('a model without a price is refused while a limit is in force, unless that is accepted', async () => {
  expect((await refusalOf(null)).code).toBe('PRICE_UNKNOWN');
  expect(await reserved(null, { accept_unknown_price: true })).toMatchObject({
    cost: null,
    accept_unknown_price: true,
  });
});

test('a limit in another currency does not count', async () => {
  const cost = { currency: 'CNY', micros: 900_000_000, basis: 'estimate', priced_on: null } as const;
  expect(await reserved(1, { cost })).toMatchObject({ cost });
});

test('a film has a limit of its own, which does not reset', async () => {
  await limitFilm(usd(1));
  await reserved(0.7);
  const error = await refusalOf(0.5);
  expect(error.message).toContain('The limit of this film is 1.00 USD: 0.70 USD are spent');
  expect(error.message).toContain('it does not reset by itself');
  await reserved(0.5, { film_id: '0000000000000000000000f2' });
  await limitFilm(null);
  await reserved(0.5);
});

test.each([
  ['reserved', 3],
  ['charged', 3],
  ['maybe', 3],
  ['none', 0],
] as const)('a charge that is %s counts %d USD of the day', async (state, counted) => {
  const { attempt_id } = await reserved(3);
  await Charge.updateOne({ attempt_id }, { $set: { state } });
  expect(microsIn(await spentIn({}), 'USD')).toBe(usd(counted).micros);
  if (counted) expect((await refusalOf(0.1)).code).toBe('SPEND_LIMIT_REACHED');
  else await reserved(3);
});

test('what was spent yesterday does not count today, but in its film', async () => {
  const { attempt_id } = await reserved(3);
  await Charge.updateOne({ attempt_id }, { $set: { started_at: ago(25 * hourMs) } });
  await limitFilm(usd(3));
  expect((await refusalOf(0.1)).message).toContain('The limit of this film');
  await limitFilm(null);
  await reserved(3);
});

test('forty clicks at once never pass the limit, and no two have the same time', async () => {
  const results = await Promise.allSettled(Array.from({ length: 40 }, () => reserve(requestOf(1))));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  const charges = await Charge.find().lean<StoredCharge[]>();
  expect(new Set(charges.map(({ started_at }) => started_at.getTime())).size).toBe(3);
});

test('a reservation of a process that ended before it copied it counts at the next click', async () => {
  const charge = await reserved(2);
  await Charge.deleteMany({});
  expect((await rejectionOf(reserve(requestOf(2)))).code).toBe('SPEND_LIMIT_REACHED');
  expect(await chargeOf(charge.attempt_id)).toMatchObject({ state: 'reserved', started_at: charge.started_at });
});

test('what was taken back counts no more', async () => {
  const { attempt_id } = await reserved(3);
  await takeBack(attempt_id);
  await reserved(3);
});

test('a clock that was put back does not disturb the order of charges', async () => {
  const first = await reserved(1);
  const later = new Date(Date.now() + hourMs);
  await Spend.updateOne({}, { $set: { 'latest.started_at': later } });
  await Charge.updateOne({ attempt_id: first.attempt_id }, { $set: { started_at: later } });
  expect((await reserved(1, { film_id })).started_at.getTime()).toBe(later.getTime() + 1);
});
