import { config } from '../config';
import { slotStates } from '../db/job';
import { Workspace } from '../db/workspace';
import { noChargeProviders } from '../services/providers';
import { createQueues } from '../utils/queue';
import { active, cooldownLeftMs, isNoCharge, longestBackoffMs, type ActiveAttempt } from './attempt';
import { storeStep } from './store';

const slotCheckMs = Math.min(config.VIDEO_POLL_INTERVAL_MS, 1000);

const oneByOne = createQueues();

/** Whether one more task may run; what is charged and what is not have VIDEO_MAX_CONCURRENT slots each. */
export const hasFreeSlot = async (provider: string): Promise<boolean> =>
  (await countTaken(provider)) < config.VIDEO_MAX_CONCURRENT;

/** Gives the attempt a slot when it is the oldest that waits and one is free; returns the time until it asks again. */
export async function acquireSlot(attempt: ActiveAttempt): Promise<number> {
  const { provider } = attempt.job;
  await oneByOne(['slot'], async () => {
    attempt.hasSlot = nextInQueue(provider) === attempt && (await hasFreeSlot(provider));
  });
  // Read before it is asked who is first: it may end meanwhile.
  const cooldownMs = cooldownLeftMs(provider, 'creates');
  // Only the first looks again and again whether another process has left a slot; it wakes the next.
  const isFirst = nextInQueue(provider) === attempt;
  if (!isFirst) wakeNext(provider);
  if (attempt.hasSlot) return 0;
  await tellThatItWaits(attempt);
  return isFirst ? slotCheckMs : cooldownMs || longestBackoffMs;
}

/** Whether more tasks run than may, since another process has sent one at the same time. */
export const isOverbooked = async (provider: string): Promise<boolean> =>
  (await countRunning(provider)) > config.VIDEO_MAX_CONCURRENT;

/** Wakes the oldest attempt that waits for a slot, since one may be free. */
export const wakeNext = (provider: string): void => nextInQueue(provider)?.wake.abort();

/** Lets go of an attempt: what is stored of it stays as it is, and its slot is for the next. */
export function release(attempt: ActiveAttempt): void {
  const { attempt_id: attemptId, provider } = attempt.job;
  if (active.get(attemptId) === attempt) active.delete(attemptId);
  attempt.stop.abort();
  attempt.firstOutcome.resolve('ended');
  attempt.cancelTried.resolve();
  wakeNext(provider);
}

/** Told to the browsers once, and to the click that waits for it. */
async function tellThatItWaits(attempt: ActiveAttempt): Promise<void> {
  if (attempt.video.phase !== 'queued') await storeStep(attempt, { video: { phase: 'queued' }, job: {} });
  attempt.firstOutcome.resolve('waiting');
}

/** The oldest attempt that waits and whose provider takes creates. */
function nextInQueue(provider: string): ActiveAttempt | undefined {
  let first: ActiveAttempt | undefined;
  for (const attempt of active.values()) {
    const { job, hasSlot } = attempt;
    if (job.state !== 'queued' || hasSlot || (first && first.job.intent_at <= job.intent_at)) continue;
    if (isNoCharge(job.provider) === isNoCharge(provider) && cooldownLeftMs(job.provider, 'creates') === 0)
      first = attempt;
  }
  return first;
}

/** What runs at the providers, and what this process is about to send. */
async function countTaken(provider: string): Promise<number> {
  const leaving = [...active.values()].filter(
    ({ hasSlot, job }) => hasSlot && job.state === 'queued' && isNoCharge(job.provider) === isNoCharge(provider),
  );
  return leaving.length + (await countRunning(provider));
}

/** What runs at the providers, trash included. */
async function countRunning(provider: string): Promise<number> {
  const inSlot = { $in: slotStates };
  const [counted] = await Workspace.aggregate<{ running: number }>([
    { $match: { $or: [{ 'job.state': inSlot }, { 'superseded.state': inSlot }] } },
    { $project: { jobs: { $concatArrays: [['$job'], '$superseded'] } } },
    { $unwind: '$jobs' },
    {
      $match: {
        'jobs.state': inSlot,
        'jobs.provider': isNoCharge(provider) ? { $in: noChargeProviders } : { $nin: noChargeProviders },
      },
    },
    { $count: 'running' },
  ]);
  return counted?.running ?? 0;
}
