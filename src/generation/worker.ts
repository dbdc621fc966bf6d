import { setTimeout as sleep } from 'node:timers/promises';
import type { JobState } from '../db/job';
import type { VideoProvider } from '../services/provider';
import { slotStates } from '../db/job';
import { isDatabaseConnected } from '../db/mongodb';
import { logger } from '../utils/logger';
import { settleAccepted } from './accept';
import { activate, active, LeaseLost, logFields, usableProvider, type ActiveAttempt, type Attempt } from './attempt';
import { cancelAtProvider, hearCancellation } from './cancel';
import { deliver } from './deliver';
import { lookUpDoubts } from './doubts';
import { forgotten } from './ends';
import { readAllAccepted, type AcceptedTask } from './journal';
import { claimLeases, findDoubtful, findForgotten, leaseMs, releaseLeases } from './leases';
import { poll, recheck } from './poll';
import { acquireSlot, release, wakeNext } from './queue';
import { reconcile } from './reconcile';
import { stopPersisting } from './store';
import { submit, submits } from './submit';

/** Does what one state asks for; returns the milliseconds to the next step, null when there is nothing left to do. */
type Step = (attempt: ActiveAttempt, provider: VideoProvider | null) => Promise<number | null>;

/** What each stored state asks for; a click, the start and a lease round all come in here. */
const steps: Record<JobState, Step> = {
  queued: acquireSlot,
  submitting: reconcile,
  polling: poll,
  downloading: deliver,
  timed_out: recheck,
  download_failed: recheck,
  in_doubt: async () => null,
};

const cancellableStates: JobState[] = ['queued', 'polling', 'timed_out'];

function nextStep({ job, hasSlot }: ActiveAttempt): Step {
  if (job.cancelled_at && cancellableStates.includes(job.state)) return cancelAtProvider;
  return job.state === 'queued' && hasSlot ? submit : steps[job.state];
}

/** The attempts whose loop has ended since the lease round began, which may have read them as they were before. */
const released = new Set<string>();

let leaseTimer: NodeJS.Timeout | undefined;
let isStopping = false;

/** Picks up every attempt that is not finished, whatever the default provider is now, and keeps doing so; may be repeated. */
export async function startEngine(): Promise<void> {
  for (const task of await readAllAccepted()) await settleNoted(task);
  for (const attempt of await findForgotten()) await forgotten(attempt);
  await takeAttempts();
  // A key that is back may tell by now; the start does not wait for that.
  void followDoubts().catch((error: unknown) => logger.warn('creates in doubt not looked up', { error }));
  clearInterval(leaseTimer);
  leaseTimer = setInterval(() => void takeAttempts().catch(logLeasesLost), leaseMs / 3);
}

/** Begins no more paid requests and waits for those that are out; the next start picks up all the rest. */
export async function stopEngine(): Promise<void> {
  isStopping = true;
  clearInterval(leaseTimer);
  for (const { stop } of active.values()) stop.abort();
  stopPersisting();
  while (submits.size > 0) await Promise.allSettled(submits);
  if (isDatabaseConnected())
    await releaseLeases().catch((error: unknown) => logger.warn('leases not released', { error }));
}

/** Whether the engine begins nothing any more. */
export const isEngineStopping = (): boolean => isStopping;

/** Brings an attempt forward in this process, in place of an earlier follower of it. */
export function follow(attempt: Attempt): ActiveAttempt {
  const before = active.get(attempt.job.attempt_id);
  if (before) release(before);
  const started = activate(attempt);
  started.stop.signal.addEventListener('abort', () => started.wake.abort(), { once: true });
  // Left to the next start: a click that was on its way here when the stop began.
  if (isStopping) started.stop.abort();
  active.set(attempt.job.attempt_id, started);
  void run(started);
  return started;
}

/** One step after the other, until the attempt has come to its end or is no longer ours. */
async function run(attempt: ActiveAttempt): Promise<void> {
  try {
    while (!attempt.stop.signal.aborted) {
      const { state, provider } = attempt.job;
      const waitMs = await nextStep(attempt)(attempt, usableProvider(attempt));
      if (slotStates.includes(state) && !slotStates.includes(attempt.job.state)) wakeNext(provider);
      if (waitMs === null) break;
      if (waitMs > 0) await sleepUntilWoken(attempt, waitMs);
    }
  } catch (error) {
    if (error instanceof LeaseLost) logger.info('lease lost', logFields(attempt));
    else if (!attempt.stop.signal.aborted)
      logger.error('attempt stopped by an error', { ...logFields(attempt), error });
  }
  // Taken up by the next lease round where there still is something to do.
  released.add(attempt.job.attempt_id);
  release(attempt);
}

/** Waits for that long, or until the attempt is woken, which it may have been before. */
async function sleepUntilWoken(attempt: ActiveAttempt, waitMs: number): Promise<void> {
  await sleep(waitMs, undefined, { signal: attempt.wake.signal }).catch(() => undefined);
  attempt.wake = new AbortController();
}

/** One lease round: what is ours is followed, what is another's is let go. */
async function takeAttempts(): Promise<void> {
  const before = new Map(active);
  released.clear();
  const mine = await claimLeases();
  if (isStopping) return;
  const ids = new Set(mine.map(({ job }) => job.attempt_id));
  for (const [id, attempt] of before) {
    if (active.get(id) === attempt && !ids.has(id) && !attempt.isSending) release(attempt);
  }
  for (const attempt of mine) {
    const id = attempt.job.attempt_id;
    const followed = active.get(id);
    if (followed) hearCancellation(followed, attempt);
    // What was followed before and is not now has ended while the leases were being read.
    else if (!before.has(id) && !released.has(id)) follow(attempt);
  }
}

async function followDoubts(): Promise<void> {
  for (const workspace of await findDoubtful()) (await lookUpDoubts(workspace)).forEach(follow);
}

async function settleNoted(task: AcceptedTask): Promise<void> {
  // One note must not keep the server from starting.
  await settleAccepted(task).catch((error: unknown) => logger.error('accepted task not settled', { ...task, error }));
}

const logLeasesLost = (error: unknown) => logger.warn('leases not renewed', { error });
