import { setTimeout as sleep } from 'node:timers/promises';
import type { JobState } from '../db/job';
import type { VideoProvider } from '../services/provider';
import { slotStates } from '../db/job';
import { isDatabaseConnected } from '../db/mongodb';
import { logger } from '../utils/logger';
import { storeAndUnjournal } from './accept';
import { activate, active, LeaseLost, logFields, usableProvider, type ActiveAttempt, type Attempt } from './attempt';
import { cancelAtProvider, adoptCancellation } from './cancel';
import { deliver } from './deliver';
import { lookUpInDoubt } from './in-doubt';
import { markStale } from './ends';
import { startFillingFacts } from './file-facts';
import { readAllAccepted, type AcceptedTask } from './journal';
import { stopAllOverLimit } from './over-limit';
import { addMissingCharges, reconcileCharges, startReconciling } from './reconcile-charges';
import { claimLeases, findInDoubt, findStale, leaseMs, releaseLeases } from './leases';
import { poll, recheck } from './poll';
import { acquireSlot, release, wakeNext } from './queue';
import { reconcile } from './reconcile';
import { stopPersisting } from './store';
import { submit, submitsInFlight } from './submit';

/** Runs the step of one state; returns the milliseconds until the next step, or null at the end. */
type Step = (attempt: ActiveAttempt, provider: VideoProvider | null) => Promise<number | null>;

/** The step for each stored state, whether the attempt comes from a click, a start or a lease round. */
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

/** Attempts that ended during this lease round, which may have read them before, and must not start them again. */
const released = new Set<string>();

let leaseTimer: NodeJS.Timeout | undefined;
let stopFillingFacts = () => undefined as void;
let stopReconciling = () => undefined as void;
let isStopping = false;

/** Resumes every unfinished attempt with the provider it started with, now and on a timer; may be called again. */
export async function startEngine(): Promise<void> {
  for (const task of await readAllAccepted()) await settleJournaled(task);
  await addMissingCharges();
  await reconcileCharges();
  for (const attempt of await findStale()) await markStale(attempt);
  await stopAllOverLimit();
  await runLeaseRound();
  // Providers may have become reachable again. The start does not wait for them.
  void resumeFoundDoubts().catch((error: unknown) => logger.warn('lookup of creates in doubt failed', { error }));
  clearInterval(leaseTimer);
  leaseTimer = setInterval(() => void runLeaseRound().catch(logRenewalError), leaseMs / 3);
  stopReconciling();
  stopReconciling = startReconciling();
  stopFillingFacts();
  stopFillingFacts = startFillingFacts();
}

/** Sends no more paid requests and waits for those in flight; the next start resumes the rest. */
export async function stopEngine(): Promise<void> {
  isStopping = true;
  clearInterval(leaseTimer);
  stopReconciling();
  stopFillingFacts();
  for (const { stop } of active.values()) stop.abort();
  stopPersisting();
  while (submitsInFlight.size > 0) await Promise.allSettled(submitsInFlight);
  if (isDatabaseConnected())
    await releaseLeases().catch((error: unknown) => logger.warn('leases not released', { error }));
}

/** Whether the engine is stopping and starts nothing new. */
export const isEngineStopping = (): boolean => isStopping;

/** Runs an attempt in this process, replacing an earlier run of it. */
export function startAttempt(attempt: Attempt): ActiveAttempt {
  const before = active.get(attempt.job.attempt_id);
  if (before) release(before);
  const started = activate(attempt);
  started.stop.signal.addEventListener('abort', () => started.wake.abort(), { once: true });
  // A click that arrives during the stop is left to the next start.
  if (isStopping) started.stop.abort();
  active.set(attempt.job.attempt_id, started);
  void run(started);
  return started;
}

/** Runs step after step until the attempt ends or its lease is lost. */
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
  // If anything is left to do, the next lease round resumes it.
  released.add(attempt.job.attempt_id);
  release(attempt);
}

/** Waits that long, or until the attempt is woken; a wake before the wait counts too. */
async function sleepUntilWoken(attempt: ActiveAttempt, waitMs: number): Promise<void> {
  await sleep(waitMs, undefined, { signal: attempt.wake.signal }).catch(() => undefined);
  attempt.wake = new AbortController();
}

/** Claims and renews leases: runs every attempt that is ours and releases the others. */
async function runLeaseRound(): Promise<void> {
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
    const running = active.get(id);
    if (running) adoptCancellation(running, attempt);
    // One that was active before and is not now ended while the leases were read.
    else if (!before.has(id) && !released.has(id)) startAttempt(attempt);
  }
}

async function resumeFoundDoubts(): Promise<void> {
  for (const workspace of await findInDoubt()) (await lookUpInDoubt(workspace)).forEach(startAttempt);
}

async function settleJournaled(task: AcceptedTask): Promise<void> {
  // One bad entry must not keep the server from starting.
  await storeAndUnjournal(task).catch((error: unknown) =>
    logger.error('accepted task not settled', { ...task, error }),
  );
}

const logRenewalError = (error: unknown) => logger.warn('leases not renewed', { error });
