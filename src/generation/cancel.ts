import { setTimeout as sleep } from 'node:timers/promises';
import { trusted } from 'mongoose';
import { config } from '../config';
import type { Video } from '../contract/video';
import type { Job } from '../db/job';
import { findWorkspace } from '../db/find-workspaces';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import type { VideoProvider } from '../services/provider';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { checkTask, isGone } from './check-task';
import { active, failure, logFields, pauseMs, readFields, type ActiveAttempt, type Attempt } from './attempt';
import { generationChanged, storeCancellation } from './clicks';
import { endAsFailed, failAndRecheck } from './ends';
import { attemptsIn } from './leases';
import { poll, recheck, remainingMs, startDownload } from './poll';
import { release } from './queue';
import { storeStep } from './store';

const maxCancelTries = 5;
const cancelWaitMs = 3000;

/**
 * Ends the running generation as CANCELLED for the user; a task that may be charged is tracked until its outcome is known.
 * Throws NOT_GENERATING when no generation runs, or a different one from `attemptId`.
 */
export async function cancelVideo(
  workspaceId: string,
  attemptId?: string,
): Promise<{ workspace_id: string; video: Video }> {
  for (let race = 0; race < maxCancelTries; race++) {
    const read = await findWorkspace(workspaceId);
    const { video, job } = read;
    const isOther = attemptId !== undefined && attemptId !== video.attempt_id;
    if (video.status !== 'generating' || job?.attempt_id !== video.attempt_id || isOther) {
      const message = `This workspace is not generating ${isOther ? 'this' : 'a'} video, so there is nothing to cancel.`;
      throw new AppError('NOT_GENERATING', message);
    }
    const cancelled = await storeCancellation(read, cancelledVideo(job));
    if (!cancelled) continue;
    logger.info('video cancelled', logFields(cancelled));
    await notifyLoop(cancelled);
    return toJson({ workspace_id: workspaceId, video: cancelled.video });
  }
  throw generationChanged();
}

/** The video of a cancelled attempt, with whether it was charged. */
const cancelledVideo = (job: Job) =>
  failure('CANCELLED', job.provider, job.state === 'queued' ? 'no' : job.state === 'downloading' ? 'yes' : 'maybe');

/** Wakes the loop of the attempt, and waits up to 3 s for the first cancel request to its provider. */
export async function notifyLoop({ job, video }: Attempt): Promise<void> {
  const attempt = active.get(job.attempt_id);
  if (!attempt) return;
  if (job.state === 'queued') return release(attempt);
  Object.assign(attempt, { job, video });
  attempt.abortSubmit('cancelled');
  attempt.firstOutcome.resolve('ended');
  attempt.wake.abort();
  if (job.state === 'polling')
    await Promise.race([attempt.cancelTried.promise, sleep(cancelWaitMs, undefined, { ref: false })]);
}

/**
 * Cancels a task at its provider, repeatedly until that is confirmed, however long it takes. A clip that is made by then is
 * paid, so it becomes a take, as does the clip of a provider that cannot cancel.
 */
export async function cancelAtProvider(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  if (attempt.job.state === 'queued') return endCancelled(attempt);
  if (!provider?.cancel) {
    attempt.cancelTried.resolve();
    return attempt.job.state === 'timed_out' ? recheck(attempt, provider) : poll(attempt, provider);
  }
  const checked = await checkTask(attempt, provider, { evenInCooldown: true });
  if (checked?.state === 'completed') {
    attempt.cancelTried.resolve();
    return startDownload(attempt, checked);
  }
  if (checked?.state === 'failed') return endAsFailed(attempt, checked);
  const refusal = isRunning(checked) ? await tryToCancel(attempt, provider) : null;
  const isConfirmed = isGone(attempt) || (isRunning(checked) && refusal === null);
  attempt.cancelTried.resolve();
  if (!isConfirmed) return cancelLater(attempt, refusal?.retryAfterMs);
  logger.info('cancellation confirmed', logFields(attempt));
  await storeStep(attempt, { job: null });
  return null;
}

/** Schedules the next cancel request; a task that times out releases its slot, but is still cancelled. */
async function cancelLater(attempt: ActiveAttempt, retryAfterMs = 0): Promise<number> {
  if (attempt.job.state === 'timed_out') return config.VIDEO_RECHECK_INTERVAL_MS;
  if (remainingMs(attempt) <= 0) return failAndRecheck(attempt, 'TIMEOUT');
  return Math.max(retryAfterMs, pauseMs(attempt.failedCancels++));
}

const isRunning = (checked: { state: string } | null): boolean =>
  checked?.state === 'queued' || checked?.state === 'running';

/** The error of the cancel request; null when the provider confirmed it. */
async function tryToCancel(attempt: ActiveAttempt, provider: VideoProvider): Promise<AppError | null> {
  try {
    await provider.cancel!(attempt.job.task_id!, attempt.stop.signal);
    return null;
  } catch (error) {
    logger.warn('cancel request failed, retrying', { ...logFields(attempt), error });
    return toAppError(error);
  }
}

async function endCancelled(attempt: ActiveAttempt): Promise<null> {
  await storeStep(attempt, { video: failure('CANCELLED', attempt.job.provider, 'no'), job: null });
  return null;
}

/** Stops unsent creates of a workspace that another server has deleted or cancelled. */
export async function onStoredElsewhere(workspaceId: string): Promise<void> {
  const sending = [...active.values()].filter((attempt) => attempt.workspaceId === workspaceId && attempt.isSending);
  if (sending.length === 0) return;
  const read = await Workspace.findOne({ _id: workspaceId }, readFields).lean<StoredWorkspace>();
  for (const attempt of sending) {
    if (!read || read.deleted_at) attempt.abortSubmit('deleted');
    const stored = read && attemptsIn(read).find(({ job }) => job.attempt_id === attempt.job.attempt_id);
    if (stored) adoptCancellation(attempt, stored);
  }
}

/** Applies a cancellation that another server has stored. */
export function adoptCancellation(attempt: ActiveAttempt, { job, video }: Attempt): void {
  if (!job.cancelled_at || attempt.job.cancelled_at) return;
  Object.assign(attempt, { job, video });
  attempt.abortSubmit('cancelled');
  attempt.wake.abort();
}

/** Ends the unsubmitted generation of a workspace in the trash; a submitted one is tracked to its end. */
export async function dropUnsentJob(workspaceId: string): Promise<void> {
  for (const attempt of active.values()) if (attempt.workspaceId === workspaceId) attempt.abortSubmit('deleted');
  const inTrash = { _id: workspaceId, deleted_at: trusted({ $ne: null }), 'job.state': 'queued' } as const;
  const read = await Workspace.findOne(inTrash).lean<StoredWorkspace>();
  if (!read?.job) return;
  const dropped = await storeCancellation(read, cancelledVideo(read.job));
  if (dropped) await notifyLoop(dropped);
}
