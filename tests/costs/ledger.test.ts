import { chargeState, recordCharge } from '../../src/costs/ledger';
import { Charge } from '../../src/db/charge';
import { ago } from '../helpers/attempts';
import { chargeOf, forgetCosts, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(forgetCosts);

const underLease = (attempt_id: string, epoch: number, provider = 'runway') => ({
  attempt_id,
  provider,
  lease: { owner: 'x', until: ago(0), epoch },
});

test('an outcome settles a charge, and its cost is the one of the vendor', async () => {
  const { attempt_id } = await reserved(0.6);
  const cost = { ...usd(0.5), basis: 'actual', priced_on: null } as const;
  await recordCharge(underLease(attempt_id, 1), { state: 'charged', cost });
  expect(await chargeOf(attempt_id)).toMatchObject({ state: 'charged', cost, settled_at: expect.any(Date) });
});

test('a process that has lost the attempt changes nothing', async () => {
  const { attempt_id } = await reserved(0.6);
  await recordCharge(underLease(attempt_id, 3), { state: 'charged' });
  await recordCharge(underLease(attempt_id, 2), { state: 'none' });
  expect(await chargeOf(attempt_id)).toMatchObject({ state: 'charged', epoch: 3 });
});

test.each(['charged', 'none'] as const)('what is known to be %s never becomes unclear again', async (state) => {
  const { attempt_id } = await reserved(0.6);
  await recordCharge(underLease(attempt_id, 1), { state });
  await recordCharge(underLease(attempt_id, 1), { state: 'maybe' });
  expect(await chargeOf(attempt_id)).toMatchObject({ state, settled_at: expect.any(Date) });
});

test('an attempt that was accepted after all is reserved again', async () => {
  const { attempt_id } = await reserved(0.6);
  await recordCharge(underLease(attempt_id, 1), { state: 'maybe' });
  await recordCharge(underLease(attempt_id, 2), { state: 'reserved' });
  expect(await chargeOf(attempt_id)).toMatchObject({ state: 'reserved', settled_at: null });
});

test('an attempt without a charge gets none', async () => {
  await recordCharge(underLease('nobody', 1), { state: 'charged' });
  await recordCharge(underLease('nobody', 1, 'local'), { state: 'charged' });
  expect(await Charge.countDocuments()).toBe(0);
});

test.each([
  ['no', 'none'],
  ['yes', 'charged'],
  ['maybe', 'maybe'],
] as const)('a video that was charged: %s has a charge that is %s', (charged, state) => {
  expect(chargeState(charged)).toBe(state);
});
