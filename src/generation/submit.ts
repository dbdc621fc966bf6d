import type { ErrorCode } from '../contract';
import { imageFile } from '../media/images';
import type { Submitted, VideoJob, VideoProvider } from '../services/provider';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import {
  active,
  ageOf,
  coolDown,
  LeaseLost,
  logFields,
  nextPollMs,
  pauseMs,
  type ActiveAttempt,
  type Attempt,
} from './attempt';
import { endAsFailed, inDoubt } from './ends';
import { forgetAccepted, noteAccepted, type AcceptedTask } from './journal';
import { isOverbooked } from './queue';
import * as store from './store';

const refusalsInARow = 5;

/** Paid requests that are out right now, each until its outcome is stored; a stop waits for them. */
export const submits = new Set<Promise<unknown>>();

type Refusal = Exclude<Submitted, { state: 'accepted' }>;
type Answer = Submitted | { state: 'unknown' };
type Prepared = { job: VideoJob; refusal?: undefined } | { job?: undefined; refusal: Refusal };

const notConfigured: Refusal = {
  state: 'refused',
  code: 'PROVIDER_NOT_CONFIGURED',
  reason: 'the settings changed while it waited',
};
const passingCodes: ErrorCode[] = [
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_BAD_REPLY',
];

/** Sends an attempt that has a slot: everything that is free first, then the intent, then one paid request. */
export async function submit(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  try {
    return provider ? await send(attempt, provider) : await endAsFailed(attempt, notConfigured);
  } finally {
    attempt.hasSlot = false;
  }
}

/** Sends the paid request; a repetition sends what was stored before. */
export async function send(attempt: ActiveAttempt, provider: VideoProvider): Promise<number | null> {
  const isFirst = attempt.job.state === 'queued';
  const { job, refusal } = await prepare(attempt, provider);
  if (attempt.stop.signal.aborted) return null;
  if (refusal) return isFirst ? notAccepted(attempt, refusal) : repetitionRefused(attempt, refusal);

  const sending = sendPrepared(attempt, provider, job, isFirst);
  submits.add(sending);
  try {
    return await sending;
  } finally {
    submits.delete(sending);
    attempt.isSending = false;
  }
}

async function sendPrepared(
  attempt: ActiveAttempt,
  provider: VideoProvider,
  job: VideoJob,
  isFirst: boolean,
): Promise<number | null> {
  attempt.isSending = true;
  const { submit_attempts: before } = attempt.job;
  await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'submitting' && { video: { phase: 'submitting' } }),
    job: {
      state: 'submitting',
      sent_at: new Date(),
      submit_attempts: before + 1,
      prepared: JSON.stringify(job.prepared ?? null),
    },
  });
  // Its time is counted from now.
  ageOf(attempt, attempt.job.sent_at);
  if (isFirst && (await isOverbooked(provider.name))) return waitAgain(attempt, provider);
  if (!(await isWanted(attempt, provider, isFirst))) return isFirst ? endAsUnwanted(attempt) : inDoubt(attempt);
  if (attempt.stop.signal.aborted) return isFirst ? putBack(attempt) : keepInFlight(attempt, before);

  const answer = await ask(attempt, provider, job);
  switch (answer.state) {
    case 'accepted':
      return accepted(attempt, provider, answer.taskId);
    case 'refused':
      return isFirst || isAboutRequest(answer, provider)
        ? endAsFailed(attempt, answer)
        : repetitionRefused(attempt, answer);
    case 'not_accepted':
      return isFirst ? notAccepted(attempt, answer) : repetitionRefused(attempt, answer);
    case 'unknown':
      return 0;
  }
}

/** Asked when the intent is stored, which may have taken long: what is not wanted any more by now is not sent. */
async function isWanted(attempt: ActiveAttempt, provider: VideoProvider, isFirst: boolean): Promise<boolean> {
  // With a key a repetition is how the fate of a cancelled create is learned; without one it would be a new create.
  const toLearn = !isFirst && provider.capabilities.deduplication === 'key';
  attempt.isDropped = false;
  const isStored = await store.isWanted(attempt, { toLearn });
  // Both may have come while that answer was on its way.
  return isStored && !attempt.isDropped && (toLearn || attempt.job.cancelled_at === null);
}

const endAsUnwanted = (attempt: ActiveAttempt): Promise<null> =>
  endAsFailed(attempt, { code: 'CANCELLED', reason: 'not wanted any more' });

/** Everything that costs nothing: the image in the provider's shape, an upload. A stop ends it; a fault here is unpaid. */
async function prepare(attempt: ActiveAttempt, provider: VideoProvider): Promise<Prepared> {
  const { attempt_id, model, form_data, image_path, prepared } = attempt.job;
  const job: VideoJob = {
    attempt_id,
    model,
    form_data,
    imageFile: imageFile(image_path),
    picture: Buffer.alloc(0),
    prepared: prepared === null ? undefined : JSON.parse(prepared),
  };
  // A repetition sends what was stored, so that it needs no image, nor a second upload.
  if (prepared !== null && provider.prepare) return { job };
  try {
    const withPicture = { ...job, picture: (await provider.picture?.(job)) ?? job.picture };
    return { job: { ...withPicture, prepared: await provider.prepare?.(withPicture, attempt.stop.signal) } };
  } catch (thrown) {
    const error =
      thrown instanceof AppError
        ? thrown
        : new AppError('IMAGE_UNREADABLE', 'The image cannot be read.', { cause: thrown });
    if (!attempt.stop.signal.aborted) logger.warn('attempt not prepared', { ...logFields(attempt), error });
    const { code, message: reason, retryAfterMs } = error;
    const state = passingCodes.includes(code) ? 'not_accepted' : 'refused';
    return { refusal: { state, code, reason, retryAfterMs } };
  }
}

/** One request, which nothing cuts off: it is paid. Whatever is thrown after a byte has left means that nobody knows. */
async function ask(attempt: ActiveAttempt, provider: VideoProvider, job: VideoJob): Promise<Answer> {
  const neverAborted = new AbortController().signal;
  try {
    return await provider.submit(job, neverAborted);
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.warn('submit without an answer', { ...logFields(attempt), unsent: error.unsent, error: thrown });
    if (error.unsent) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason: error.message };
    return { state: 'unknown' };
  }
}

/** Stores the task of an accepted attempt: in the journal first, since the database may be away. */
export async function accepted(
  attempt: ActiveAttempt,
  provider: VideoProvider | null,
  taskId: string,
): Promise<number> {
  const { workspaceId, job } = attempt;
  const task = { workspace_id: workspaceId, attempt_id: job.attempt_id, task_id: taskId, provider: job.provider };
  await noteAccepted(task).catch((error: unknown) =>
    logger.error('accepted task not written to the journal', { ...logFields(attempt), task_id: taskId, error }),
  );
  const stored = await settleAccepted(task);
  if (!stored) throw new LeaseLost();
  Object.assign(attempt, stored);
  attempt.firstOutcome.resolve('accepted');
  return attempt.job.cancelled_at ? 0 : nextPollMs(provider);
}

/** Brings an accepted task into the database, then forgets its note; null where it is followed or has ended elsewhere. */
export async function settleAccepted(task: AcceptedTask): Promise<Attempt | null> {
  const stored = await store.storeAccepted(task);
  if (stored === 'unknown') {
    // Perhaps it is another database that knows it, so that the note stays and nothing is cancelled.
    logger.error('orphaned task: this database has no such attempt', task);
    return null;
  }
  await forgetAccepted(task.attempt_id);
  if (stored === 'taken') return null;
  logger.info('video accepted', logFields(stored));
  return stored;
}

/** Certainly not taken: back into the queue, unless the provider goes on refusing while nothing of ours runs there. */
async function notAccepted(attempt: ActiveAttempt, refusal: Refusal): Promise<number | null> {
  const { provider } = attempt.job;
  if (refusal.state === 'refused') return endAsFailed(attempt, refusal);
  const waitMs = refusal.retryAfterMs ?? pauseMs(attempt.refusals);
  const isBusyWithOurs = [...active.values()].some(({ job }) => job.provider === provider && job.state === 'polling');
  if (!isBusyWithOurs) attempt.refusals++;
  if (attempt.refusals >= refusalsInARow) return endAsFailed(attempt, refusal);

  const { code, reason } = refusal;
  logger.info('video not accepted yet', { ...logFields(attempt), code, reason, wait_ms: waitMs });
  await putBack(attempt);
  coolDown(provider, 'creates', waitMs);
  attempt.firstOutcome.resolve('waiting');
  return attempt.job.cancelled_at ? 0 : waitMs;
}

/** Two processes took the last slot at once: each sees it once its intent is stored, and tries again a moment later. */
async function waitAgain(attempt: ActiveAttempt, provider: VideoProvider): Promise<number> {
  await putBack(attempt);
  attempt.firstOutcome.resolve('waiting');
  return nextPollMs(provider);
}

async function putBack(attempt: ActiveAttempt): Promise<null> {
  await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'queued' && { video: { phase: 'queued' } }),
    job: { state: 'queued', sent_at: null, submit_attempts: 0 },
  });
  return null;
}

/** A repetition that was not sent says nothing about the create before, which may be paid. */
async function keepInFlight(attempt: ActiveAttempt, submitAttempts: number): Promise<null> {
  await store.storeStep(attempt, { job: { submit_attempts: submitAttempts } });
  return null;
}

/** The same request has the same answer each time, so that the first one was not taken either. */
function isAboutRequest({ code }: Refusal, { capabilities }: VideoProvider): boolean {
  // A provider without a key calls a second create of the same id bad input, and so says that the first is there.
  return code === 'CONTENT_REFUSED' || (code === 'INVALID_INPUT' && capabilities.deduplication === 'key');
}

/** A limit or a fault of the account says nothing about the create before: asked again a few times, then nobody knows. */
async function repetitionRefused(attempt: ActiveAttempt, refusal: Refusal): Promise<number | null> {
  const { provider, submit_attempts: submitAttempts } = attempt.job;
  logger.warn('repeated create refused', { ...logFields(attempt), code: refusal.code, reason: refusal.reason });
  if (refusal.state === 'refused' || ++attempt.refusals >= refusalsInARow) return inDoubt(attempt);
  await store.storeStep(attempt, { job: { submit_attempts: Math.max(1, submitAttempts - 1) } });
  const waitMs = refusal.retryAfterMs ?? pauseMs(attempt.refusals);
  coolDown(provider, 'creates', waitMs);
  return waitMs;
}
