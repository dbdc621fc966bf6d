import { setTimeout as sleep } from 'node:timers/promises';
import { trusted } from 'mongoose';
import { config } from '../config';
import type { ErrorCode, Video } from '../contract';
import { Workspace, type Job, type StoredWorkspace } from '../db/mongodb';
import type { Submitted, VideoJob, VideoProvider } from '../services/provider';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { createQueues } from '../utils/queue';
import { forgetAccepted, noteAccepted } from './journal';
import {
  backoff,
  end,
  failure,
  firstWaiting,
  followed,
  forget,
  isFree,
  logged,
  longestBackoffMs,
  lost,
  quietFor,
  readyProvider,
  stayAway,
} from './attempt';
import type { Followed } from './attempt';
import { nextPollMs } from './poll';
import * as store from './store';
import type { Attempt } from './store';
import { imageFile } from '../media/images';
import { videoProvider } from '../services/providers';

const sendsOfOneCreate = 5;
const lookupsOfOneCreate = 3;
const refusalsInARow = 5;
const lookupWaitMs = Math.min(20_000, 4 * config.VIDEO_POLL_INTERVAL_MS);
const turnCheckMs = Math.min(config.VIDEO_POLL_INTERVAL_MS, 1000);

/** Submits that are out right now; a stop waits for them, since they are paid. */
export const submits = new Set<Promise<unknown>>();

const inOrder = createQueues();

/** Whether one more task may run; the free ones and the paid ones are counted apart. */
export const isTurnFree = async (provider: string): Promise<boolean> =>
  (await countTaken(provider)) < config.VIDEO_MAX_CONCURRENT;

/** Running tasks, and those of this process that are on their way out. */
async function countTaken(provider: string): Promise<number> {
  const leaving = [...followed.values()].filter(
    ({ isSending, job }) => isSending && job.state === 'waiting' && isFree(job.provider) === isFree(provider),
  ).length;
  return leaving + (await store.countRunning(isFree(provider)));
}

/** Sends the attempt when it is the oldest that waits and a place is free. */
export async function takeTurn(attempt: Followed): Promise<number | null> {
  const { provider } = attempt.job;
  const isMine = await inOrder(['turn'], async () => {
    if (firstWaiting(provider) !== attempt || !(await isTurnFree(provider))) return false;
    attempt.isSending = true;
    return true;
  });
  const next = firstWaiting(provider);
  // Only the first looks again and again whether another process has left a place; it wakes the next.
  if (next === attempt) return wait(attempt, turnCheckMs);
  next?.alarm.abort();
  return isMine ? send(attempt) : wait(attempt, quietFor(provider) || longestBackoffMs);
}

/** Not its turn: told to the browsers once, and to the click that waits for it. */
async function wait(attempt: Followed, waitMs: number): Promise<number | null> {
  const isTold = attempt.video.phase === 'queued';
  if (!isTold && !(await store.storeStep(attempt, { video: { phase: 'queued' } }))) return lost(attempt);
  attempt.sending.tell('waiting');
  return waitMs;
}

/** Runs one submit that a stop waits for; begins none after that. */
async function send(attempt: Followed): Promise<number | null> {
  if (attempt.stop.signal.aborted) return null;
  attempt.isSending = true;
  const sending = submit(attempt);
  submits.add(sending);
  try {
    return await sending;
  } finally {
    submits.delete(sending);
    attempt.isSending = false;
  }
}

async function submit(attempt: Followed): Promise<number | null> {
  const { state, sends } = attempt.job;
  const isFirst = state === 'waiting';
  const provider = readyProvider(attempt);
  if (!provider) return isFirst ? refused(attempt, notConfigured) : longestBackoffMs;
  const signal = new AbortController().signal;

  const job = await prepare(attempt, provider, signal);
  if ('state' in job) {
    if (!isFirst) return repetitionRefused(attempt, job);
    return job.state === 'refused' ? refused(attempt, job) : notAccepted(attempt, job);
  }

  if (attempt.stop.signal.aborted) return null;
  const isStored = await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'submitting' && { video: { phase: 'submitting' } }),
    job: { state: 'sent', sent_at: new Date(), sends: sends + 1, prepared: JSON.stringify(job.prepared ?? null) },
    only: { 'job.state': state, ...(isFirst && { deleted_at: null }) },
  });
  if (!isStored) {
    if (isFirst) await dropUnsentJob(attempt.workspaceId);
    return lost(attempt);
  }

  const answer = await askToSubmit(attempt, provider, job, signal);
  switch (answer.state) {
    case 'accepted':
      return accepted(attempt, answer.taskId);
    case 'refused':
      return isFirst || isAboutRequest(answer) ? refused(attempt, answer) : repetitionRefused(attempt, answer);
    case 'not_accepted':
      return isFirst ? notAccepted(attempt, answer) : repetitionRefused(attempt, answer);
    case 'unknown':
      return reconcile(attempt);
  }
}

/** Everything that costs nothing: the picture in the provider's shape, an upload. A fault here is known to be unpaid. */
async function prepare(attempt: Followed, provider: VideoProvider, signal: AbortSignal): Promise<VideoJob | Refusal> {
  const { attempt_id, model, form_data, image_path, prepared } = attempt.job;
  const job: VideoJob = {
    attempt_id,
    model,
    form_data,
    imageFile: imageFile(image_path),
    picture: Buffer.alloc(0),
    prepared: prepared === null ? undefined : JSON.parse(prepared),
  };
  // A repetition sends what was stored, so that it needs no picture, nor a second upload.
  if (prepared !== null && provider.prepare) return job;
  try {
    const withPicture = { ...job, picture: (await provider.picture?.(job)) ?? job.picture };
    return { ...withPicture, prepared: await provider.prepare?.(withPicture, signal) };
  } catch (thrown) {
    const error =
      thrown instanceof AppError
        ? thrown
        : new AppError('IMAGE_UNREADABLE', 'The picture cannot be read.', { cause: thrown });
    logger.warn('attempt not prepared', { ...logged(attempt), error });
    const isPassing = passingCodes.includes(error.code);
    return {
      state: isPassing ? 'not_accepted' : 'refused',
      code: error.code,
      reason: error.message,
      retryAfterMs: error.retryAfterMs,
    };
  }
}

type Refusal = Exclude<Submitted, { state: 'accepted' }>;
const notConfigured = {
  state: 'refused',
  code: 'PROVIDER_NOT_CONFIGURED',
  reason: 'the settings changed while it waited',
} as const;
// The same request has the same answer each time, so that the first one was not taken either.
const isAboutRequest = ({ code }: Refusal) => code === 'INVALID_INPUT' || code === 'CONTENT_REFUSED';
const passingCodes: ErrorCode[] = [
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_BAD_REPLY',
];

/** One request. Whatever is thrown after a byte has left means that nobody knows. */
async function askToSubmit(attempt: Followed, provider: VideoProvider, job: VideoJob, signal: AbortSignal) {
  try {
    return await provider.submit(job, signal);
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.warn('submit without an answer', { ...logged(attempt), unsent: error.unsent, error: thrown });
    if (error.unsent) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason: error.message } as const;
    return { state: 'unknown' } as const;
  }
}

async function accepted(attempt: Followed, taskId: string): Promise<number | null> {
  const { workspaceId, job } = attempt;
  try {
    await noteAccepted({ workspace_id: workspaceId, attempt_id: job.attempt_id, task_id: taskId });
  } catch (error) {
    logger.error('accepted task not written to the journal', { ...logged(attempt), task_id: taskId, error });
  }
  const stored = await settleAccepted(workspaceId, job.attempt_id, taskId, attempt);
  attempt.sending.tell(stored ? 'accepted' : 'ended');
  return stored ? nextPollMs(attempt) : null;
}

/** Stores an accepted task; one that nobody wants any more is cancelled at the provider. */
export async function settleAccepted(
  workspaceId: string,
  attemptId: string,
  taskId: string,
  attempt?: Followed,
): Promise<boolean> {
  const stored = await store.storeAccepted(workspaceId, attemptId, taskId);
  await forgetAccepted(attemptId);
  if (stored === 'late') {
    if (attempt)
      Object.assign(attempt, {
        isLate: true,
        job: { ...attempt.job, state: 'overdue', task_id: taskId, accepted_at: new Date() },
      });
    return true;
  }
  if (stored === 'taken') return false;
  if (stored) {
    if (attempt) Object.assign(attempt, stored);
    logger.info('video accepted', logged(stored));
    return true;
  }
  logger.warn('accepted task is not wanted any more', {
    workspace_id: workspaceId,
    attempt_id: attemptId,
    task_id: taskId,
  });
  if (attempt) await cancelTask(attempt.job.provider, taskId);
  return false;
}

async function refused(attempt: Followed, { code, reason, ...rest }: Refusal): Promise<null> {
  logger.warn('video refused', { ...logged(attempt), code, reason });
  const charged = ('charged' in rest && rest.charged) || 'no';
  return end(attempt, failure(code, attempt.job.provider, charged));
}

/** Certainly not taken: back into the queue, unless the provider goes on refusing while nothing of ours runs there. */
async function notAccepted(attempt: Followed, refusal: Refusal): Promise<number | null> {
  const { provider } = attempt.job;
  const backoffMs = backoff(attempt.refusals, config.VIDEO_POLL_INTERVAL_MS);
  const waitMs = ('retryAfterMs' in refusal && refusal.retryAfterMs) || backoffMs;
  const isOthersTurn = [...followed.values()].some(
    (other) => other.job.provider === provider && other.job.state === 'following',
  );
  if (!isOthersTurn) attempt.refusals++;
  if (attempt.refusals >= refusalsInARow) return refused(attempt, refusal);

  logger.info('video not accepted yet', {
    ...logged(attempt),
    code: refusal.code,
    reason: refusal.reason,
    wait_ms: waitMs,
  });
  const isStored = await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'queued' && { video: { phase: 'queued' } }),
    job: { state: 'waiting', sent_at: null, sends: 0 },
  });
  if (!isStored) return lost(attempt);
  stayAway(provider, waitMs);
  attempt.sending.tell('waiting');
  return waitMs;
}

/** A limit or a fault of the account says nothing about the create before: asked again a few times, then nobody knows. */
async function repetitionRefused(attempt: Followed, refusal: Refusal): Promise<number | null> {
  const { provider, sends } = attempt.job;
  logger.warn('repeated create refused', { ...logged(attempt), code: refusal.code, reason: refusal.reason });
  if (refusal.state === 'refused' || ++attempt.refusals >= refusalsInARow) return unclear(attempt);
  if (!(await store.storeStep(attempt, { job: { sends: Math.max(1, sends - 1) } }))) return lost(attempt);
  const waitMs = refusal.retryAfterMs ?? backoff(attempt.refusals, config.VIDEO_POLL_INTERVAL_MS);
  stayAway(provider, waitMs);
  return waitMs;
}

/** The answer to a paid request was lost: ask for it, repeat it where a repetition is recognised, or say that nobody knows. */
export async function reconcile(attempt: Followed): Promise<number | null> {
  const provider = readyProvider(attempt);
  if (!provider) return longestBackoffMs;
  const { deduplication } = provider.capabilities;
  const { sends, sent_at: sentAt } = attempt.job;
  // A provider remembers a key for a while only, and a job from a backup may be of any age.
  const isRepeatable = sends < sendsOfOneCreate && Date.now() - (sentAt?.getTime() ?? 0) < store.forgottenAfterMs;

  if (deduplication === 'key' && isRepeatable) {
    await sleep(backoff(sends - 1, config.VIDEO_POLL_INTERVAL_MS), undefined, { signal: attempt.stop.signal });
    return send(attempt);
  }
  if (deduplication === 'lookup' && provider.lookup) {
    const taskId = await lookUp(attempt, provider);
    if (taskId) return accepted(attempt, taskId);
    if (attempt.lookups < lookupsOfOneCreate) return lookupWaitMs;
    // The provider has never heard of it and refuses a second create of the same id, so this one cannot pay twice.
    attempt.lookups = 0;
    if (isRepeatable) return send(attempt);
  }
  return unclear(attempt);
}

async function unclear(attempt: Followed): Promise<null> {
  const isStored = await storeUnclear(attempt);
  attempt.sending.tell('ended');
  return isStored ? null : lost(attempt);
}

/** Says that nobody knows whether this attempt was accepted; it is never sent again by itself. */
export function storeUnclear(attempt: Attempt): Promise<boolean> {
  logger.error('nobody knows whether this video was accepted', logged(attempt));
  const video = failure('SUBMIT_UNKNOWN', attempt.job.provider, 'maybe');
  return store.storeStep(attempt, { video, job: { state: 'unclear' } });
}

async function lookUp(attempt: Followed, provider: VideoProvider): Promise<string | null> {
  try {
    const taskId = await provider.lookup!(attempt.job.attempt_id, attempt.stop.signal);
    if (!taskId) attempt.lookups++;
    return taskId;
  } catch (error) {
    if (attempt.stop.signal.aborted) throw error;
    // Not an answer: asked again, until the time of a generation is over.
    const sinceMs = Date.now() - (attempt.job.sent_at?.getTime() ?? 0);
    if (sinceMs > config.VIDEO_TIMEOUT_MS) attempt.lookups = lookupsOfOneCreate;
    logger.warn('lost task not looked up', { ...logged(attempt), error });
    return null;
  }
}

/** Tells the provider that a task is not wanted any more, where its API can cancel; never throws. */
export async function cancelTask(providerName: string, taskId: string): Promise<void> {
  try {
    const provider = videoProvider(providerName);
    await provider.cancel?.(taskId, AbortSignal.timeout(config.PROVIDER_REQUEST_TIMEOUT_MS));
  } catch (error) {
    logger.warn('provider did not take the cancellation', { provider: providerName, task_id: taskId, error });
  }
}

/** What the video of a cancelled attempt says, and whether it costs. */
export function cancelled(job: Job): Partial<Video> {
  const charged = job.state === 'waiting' ? 'no' : job.state === 'fetching' ? 'yes' : 'maybe';
  return failure('CANCELLED', job.provider, charged);
}

/** Ends a generation that was not sent, of a workspace that went to the trash; a paid one is followed to its end there. */
export async function dropUnsentJob(workspaceId: string): Promise<void> {
  const inTrash = { _id: workspaceId, deleted_at: trusted({ $ne: null }), 'job.state': 'waiting' } as const;
  const stored = await Workspace.findOne(inTrash).lean<StoredWorkspace>();
  if (!stored?.job) return;
  const attempt = { workspaceId, video: stored.video, job: stored.job };
  const isDropped = await store.storeStep(attempt, {
    video: cancelled(stored.job),
    job: null,
    only: { 'job.state': 'waiting' },
  });
  if (isDropped) forget(stored.job.attempt_id);
}
