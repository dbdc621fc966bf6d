import { Workspace } from '../../src/db/workspace';
import { settleCharge } from '../../src/generation/settle';
import { recordCharge } from '../../src/costs/ledger';
import { jobOf, listen, newAttempt, rejectionOf, storedOf, type Given } from '../helpers/attempts';
import { chargeOf, forgetCosts, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(() => Promise.all([forgetCosts(), Workspace.deleteMany({})]));

async function unclear(given: Given = {}, units: number | null = 0.6) {
  const attempt = await newAttempt({ provider: 'kling', state: 'in_doubt', ...given });
  const { job } = attempt;
  await reserved(units, { attempt_id: job.attempt_id, workspace_id: attempt.workspaceId, provider: 'kling' });
  await recordCharge(job, { state: 'maybe' });
  return attempt;
}

test.each([
  [true, 'charged', 'yes'],
  [false, 'none', 'no'],
] as const)('an unclear charge that was charged: %s is %s, and its video says %s', async (charged, state, says) => {
  const attempt = await unclear();
  const told = listen(attempt);
  const { attempt_id } = attempt.job;
  expect(await settleCharge({ attempt_id, charged })).toMatchObject({
    attempt_id,
    state,
    cost: usd(0.6),
    settled_at: expect.any(String),
  });
  expect((await storedOf(attempt)).video.error).toEqual({
    code: 'SUBMIT_UNKNOWN',
    message: `The answer from Kling was lost. Its account says that this video was ${charged ? '' : 'not '}charged.`,
    charged: says,
  });
  expect(told).toEqual([`mine failed SUBMIT_UNKNOWN ${says}`]);
});

test('a settled attempt asks for no acceptance of a second charge any more', async () => {
  const attempt = await unclear();
  await settleCharge({ attempt_id: attempt.job.attempt_id, charged: false });
  expect(await jobOf(attempt)).toMatchObject({ state: 'in_doubt', risk_accepted: true });
});

test('a superseded attempt is settled without a word about the newer video', async () => {
  const attempt = await unclear({ isSuperseded: true });
  const told = listen(attempt);
  await settleCharge({ attempt_id: attempt.job.attempt_id, charged: true });
  expect(await jobOf(attempt)).toMatchObject({ risk_accepted: true });
  expect(told).toEqual([]);
});

test('the amount that the user found counts as the charge, even where no price was known', async () => {
  const attempt = await unclear({}, null);
  const { attempt_id } = attempt.job;
  await settleCharge({ attempt_id, charged: true, micros: 700_000 });
  const cost = { ...usd(0.7), basis: 'actual', priced_on: null };
  expect(await chargeOf(attempt_id)).toMatchObject({ cost });
  expect((await storedOf(attempt)).video.cost).toEqual(cost);
});

test('what is not unclear is refused', async () => {
  const attempt = await unclear();
  const { attempt_id } = attempt.job;
  await settleCharge({ attempt_id, charged: true });
  for (const id of [attempt_id, 'nobody']) {
    const error = await rejectionOf(settleCharge({ attempt_id: id, charged: false }));
    expect(error.code).toBe('NOT_UNCLEAR');
  }
  expect(await chargeOf(attempt_id)).toMatchObject({ state: 'charged' });
});
