import { config } from '../config';
import { slotStates } from '../db/job';
import { Workspace } from '../db/workspace';
import { noChargeProviders } from '../services/providers';
import { createQueues } from '../utils/queue';
import { active, cooldownLeftMs, isNoCharge, longestBackoffMs, type ActiveAttempt } from './attempt';
import { storeStep } from './store';

const slotCheckMs = Math.min(config.VIDEO_POLL_INTERVAL_MS, 1000);

const oneByOne = createQueues();

/** Whether one more task may run; paid and no-charge providers have VIDEO_MAX_CONCURRENT slots each. */
export const hasFreeSlot = async (provider: string): Promise<boolean> =>
  (await countTakenSlots(provider)) < config.VIDEO_MAX_CONCURRENT;

/** How many more tasks may start now, besides the attempts that wait for a slot already. */
export async function countFreeSlots(provider: string): Promise<number> {
  const waiting = [...active.values()].filter(
    ({ hasSlot, job }) => !hasSlot && job.state === 'queued' && isNoCharge(job.provider) === isNoCharge(provider),
  );
  return config.VIDEO_MAX_CONCURRENT - waiting.length - (await countTakenSlots(provider));
}

/** Gives the attempt a slot if it is next in the queue and one is available; returns the milliseconds until its next try. */
export async function acquireSlot(attempt: ActiveAttempt): Promise<number> {
  const { provider } = attempt.job;
  await oneByOne(['slot'], async () => {
    attempt.hasSlot = nextInQueue(provider) === attempt && (await hasFreeSlot(provider));
  });
  // Read before nextInQueue, since the cooldown may end in between.
  const cooldownMs = cooldownLeftMs(provider, 'creates');
  // Only the head of the queue polls for slots that other processes release. Once it has one, it wakes the next.
  const isFirst = nextInQueue(provider) === attempt;
  if (!isFirst) wakeNext(provider);
  if (attempt.hasSlot) return 0;
  await showAsQueued(attempt);
  return isFirst ? slotCheckMs : cooldownMs || longestBackoffMs;
}

/** Whether more tasks run than allowed, because another process submitted one at the same time. */
export const isOverbooked = async (provider: string): Promise<boolean> =>
  (await countRunning(provider)) > config.VIDEO_MAX_CONCURRENT;

/** Wakes the next attempt in the queue, since a slot may be available. */
export const wakeNext = (provider: string): void => nextInQueue(provider)?.wake.abort();

/** Stops running an attempt in this process and passes its slot on; nothing stored changes. */
export function release(attempt: ActiveAttempt): void {
  const { attempt_id: attemptId, provider } = attempt.job;
  if (active.get(attemptId) === attempt) active.delete(attemptId);
  attempt.stop.abort();
  attempt.firstOutcome.resolve('ended');
  attempt.cancelTried.resolve();
  wakeNext(provider);
}

async function showAsQueued(attempt: ActiveAttempt): Promise<void> {
  if (attempt.video.phase !== 'queued') await storeStep(attempt, { video: { phase: 'queued' }, job: {} });
  attempt.firstOutcome.resolve('waiting');
}

/** The oldest queued attempt whose provider is not cooling down. */
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

/** The tasks that run, and those that this process is about to submit. */
async function countTakenSlots(provider: string): Promise<number> {
  const aboutToStart = [...active.values()].filter(
    ({ hasSlot, job }) => hasSlot && job.state === 'queued' && isNoCharge(job.provider) === isNoCharge(provider),
  );
  return aboutToStart.length + (await countRunning(provider));
}

/** The tasks that run at the providers, including those of workspaces in the trash. */
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
