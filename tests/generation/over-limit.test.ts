process.env.SPEND_LIMIT_PER_DAY = '100 USD';

import { Workspace } from '../../src/db/workspace';
import { stopAllOverLimit, stopOverLimit } from '../../src/generation/over-limit';
import { film_id } from '../fixtures/workspaces';
import { newAttempt, resultOf, type Given } from '../helpers/attempts';
import { chargeOf, forgetCosts, limitFilm, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';
import type { Request } from '../../src/costs/reserve';

useDatabase();
afterEach(() => Promise.all([forgetCosts(), Workspace.deleteMany({})]));

async function attempt(units: number, given: Given = {}, more: Partial<Request> = {}) {
  const made = await newAttempt({ provider: 'runway', ...given });
  await reserved(units, { attempt_id: made.job.attempt_id, workspace_id: made.workspaceId, ...more });
  return made;
}

test('a lowered limit stops the newest that wait, until the rest is within it', async () => {
  const [first, second, third] = [await attempt(1), await attempt(1), await attempt(1)];
  await limitFilm(usd(2));
  await stopOverLimit(film_id);
  expect(await resultOf(third)).toMatchObject({ job: 'ended', video: 'mine failed SPEND_LIMIT_REACHED no' });
  expect(await chargeOf(third.job.attempt_id)).toMatchObject({ state: 'none' });
  for (const { job } of [first, second]) expect(await chargeOf(job.attempt_id)).toMatchObject({ state: 'reserved' });
});

test('what was sent goes on, and what was accepted beyond a limit too', async () => {
  const sent = await attempt(1, { state: 'polling' });
  const accepted = await attempt(1, {}, { accept_over_limit: true });
  await limitFilm(usd(0));
  await stopOverLimit(film_id);
  for (const { job } of [sent, accepted]) expect(await chargeOf(job.attempt_id)).toMatchObject({ state: 'reserved' });
});

test('a limit that was lowered while the server was down holds from its start', async () => {
  const waiting = await attempt(1);
  const elsewhere = await attempt(1, {}, { film_id: '0000000000000000000000f2' });
  await limitFilm(usd(0.5));
  await stopAllOverLimit();
  expect(await chargeOf(waiting.job.attempt_id)).toMatchObject({ state: 'none' });
  expect(await chargeOf(elsewhere.job.attempt_id)).toMatchObject({ state: 'reserved' });
});

test('the limit per day stops what waits in any film', async () => {
  const waiting = await attempt(1);
  await reserved(100, { accept_over_limit: true });
  await stopAllOverLimit();
  expect(await chargeOf(waiting.job.attempt_id)).toMatchObject({ state: 'none' });
});
