import type { ErrorCode } from '../contract/errors';
import { imageFile } from '../media/images';
import { hasVideo } from '../media/videos';
import type { Submitted, VideoJob, VideoProvider } from '../services/provider';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import {
  active,
  ageOf,
  coolDown,
  longestBackoffMs,
  logFields,
  nextPollMs,
  pauseMs,
  type ActiveAttempt,
} from './attempt';
import { accepted } from './accept';
import { complete, endAsFailed, inDoubt } from './ends';
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
  // Of a restored database, which does not know that it was sent: its clip is here.
  if (hasVideo(attempt.job.attempt_id)) return complete(attempt);
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
    attempt.giveUp = () => undefined;
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
  // With a key a repetition is how the fate of a cancelled create is learned; without one it would be a new create.
  const toLearn = !isFirst && provider.capabilities.deduplication === 'key';
  const unwanted = new AbortController();
  attempt.giveUp = (why) => (why === 'deleted' || !toLearn) && unwanted.abort();
  // The intent may have been stored long before its answer came, and this question may take long too.
  const isWanted = (await store.isWanted(attempt, { toLearn })) && !unwanted.signal.aborted;
  if (!isWanted) return leaveUnsent(attempt, isFirst, toLearn, before);
  if (attempt.stop.signal.aborted) return isFirst ? putBack(attempt) : keepInFlight(attempt, before);

  const answer = await ask(attempt, provider, job, unwanted.signal);
  if (answer.state === 'not_accepted' && unwanted.signal.aborted) return leaveUnsent(attempt, isFirst, toLearn, before);
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

/** What is not wanted any more is not sent; a create before it, which may be paid, keeps its fate open. */
async function leaveUnsent(
  attempt: ActiveAttempt,
  isFirst: boolean,
  toLearn: boolean,
  submitAttempts: number,
): Promise<number | null> {
  if (isFirst) return endAsFailed(attempt, { code: 'CANCELLED', reason: 'not wanted any more' });
  if (!toLearn) return inDoubt(attempt);
  // Perhaps its workspace comes back from the trash while the provider still knows the key.
  await keepInFlight(attempt, submitAttempts);
  return longestBackoffMs;
}

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

/** One paid request. Whatever is thrown after a byte has left means that nobody knows. */
async function ask(
  attempt: ActiveAttempt,
  provider: VideoProvider,
  job: VideoJob,
  unwanted: AbortSignal,
): Promise<Answer> {
  try {
    return await provider.submit(job, unwanted);
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.warn('submit without an answer', { ...logFields(attempt), unsent: error.unsent, error: thrown });
    if (error.unsent) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason: error.message };
    return { state: 'unknown' };
  }
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
