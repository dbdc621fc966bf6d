import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../contract/errors';
import type { Video } from '../contract/video';
import { costOf } from '../costs/amounts';
import { isKnownFree, recordCharge } from '../costs/ledger';
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
  sourcesIn,
  videoSources,
  type ActiveAttempt,
  type JobSources,
} from './attempt';
import { onAccepted } from './accept';
import { complete, endAsFailed, markInDoubt } from './ends';
import { isOverbooked } from './queue';
import { findLinks, takeLinked } from './sources';
import * as store from './store';

const maxRefusals = 5;
/** How often a neighbour may change during the free work before the attempt is sent with what it was. */
const maxLinkChanges = 3;

/** Paid requests in flight, each until its outcome is stored; a stop waits for them. */
export const submitsInFlight = new Set<Promise<unknown>>();

type Refusal = Exclude<Submitted, { state: 'accepted' }>;
type SubmitOutcome = Submitted | { state: 'unknown' };
type ReadyToSend = { job: VideoJob; sources: JobSources; refusal?: undefined };
type Prepared = ReadyToSend | { refusal: Refusal };

const notConfigured: Refusal = {
  state: 'refused',
  code: 'PROVIDER_NOT_CONFIGURED',
  reason: 'the settings changed while it was queued',
};
/** Another process has given the reservation to others, since this one stood still after it was made. */
const takenBack = { code: 'BUSY', reason: 'its reservation was taken back before it was sent' } as const;
const transientCodes: ErrorCode[] = [
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_BAD_REPLY',
];

/** Submits an attempt that has a slot: free preparation first, then the stored intent, then one paid request. */
export async function submit(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  try {
    return provider ? await send(attempt, provider) : await endAsFailed(attempt, notConfigured);
  } finally {
    attempt.hasSlot = false;
  }
}

/** Sends the paid request; a repetition sends the stored preparation again. */
export async function send(attempt: ActiveAttempt, provider: VideoProvider): Promise<number | null> {
  // A restored database may not know that the attempt was submitted, but its clip is here.
  if (hasVideo(attempt.job.attempt_id)) return complete(attempt);
  const isFirst = attempt.job.state === 'queued';
  const prepared = await (isFirst
    ? prepareLinked(attempt, provider)
    : prepare(attempt, provider, sourcesIn(attempt.job)));
  if (attempt.stop.signal.aborted) return null;
  const { refusal } = prepared;
  if (refusal) return isFirst ? notAccepted(attempt, refusal) : repetitionRefused(attempt, refusal);

  const sending = sendPrepared(attempt, provider, prepared, isFirst);
  submitsInFlight.add(sending);
  try {
    return await sending;
  } finally {
    submitsInFlight.delete(sending);
    attempt.abortSubmit = () => undefined;
    attempt.isSending = false;
  }
}

async function sendPrepared(
  attempt: ActiveAttempt,
  provider: VideoProvider,
  { job, sources }: ReadyToSend,
  isFirst: boolean,
): Promise<number | null> {
  attempt.isSending = true;
  const { submit_attempts: before } = attempt.job;
  const video = changesIn(attempt.video, { phase: 'submitting' as const, ...videoSources(sources) });
  await store.storeStep(attempt, {
    ...(video && { video }),
    job: {
      ...sources,
      state: 'submitting',
      sent_at: new Date(),
      submit_attempts: before + 1,
      prepared: JSON.stringify(job.prepared ?? null),
    },
  });
  // Starts its age on the monotonic clock.
  ageOf(attempt, attempt.job.sent_at);
  if (isFirst && (await isOverbooked(provider.name))) return requeueOverbooked(attempt, provider);
  // With an idempotency key, a repetition reveals the outcome of a cancelled create; without one it would be a new create.
  const isProbe = !isFirst && provider.deduplication === 'key';
  const unwanted = new AbortController();
  attempt.abortSubmit = (why) => (why === 'deleted' || !isProbe) && unwanted.abort();
  // Checked after the intent is stored, since that may take long; the signal covers the time that this query takes.
  const isWanted = (await store.isWanted(attempt, { isProbe })) && !unwanted.signal.aborted;
  if (!isWanted) return leaveUnsent(attempt, isFirst, isProbe, before);
  if (attempt.stop.signal.aborted) return isFirst ? requeue(attempt) : restoreSubmitCount(attempt, before);
  if (isFirst && (await isKnownFree(attempt.job.attempt_id))) return endAsFailed(attempt, takenBack);

  const outcome = await sendOnce(attempt, provider, job, unwanted.signal);
  if (outcome.state === 'not_accepted' && unwanted.signal.aborted)
    return leaveUnsent(attempt, isFirst, isProbe, before);
  switch (outcome.state) {
    case 'accepted':
      return onAccepted(attempt, provider, outcome.taskId, costOf(outcome));
    case 'refused':
      return isFirst || isAboutRequest(outcome, provider)
        ? endAsFailed(attempt, outcome)
        : repetitionRefused(attempt, outcome);
    case 'not_accepted':
      return isFirst ? notAccepted(attempt, outcome) : repetitionRefused(attempt, outcome);
    case 'unknown':
      return 0;
  }
}

/** Leaves an unwanted create unsent; the outcome of an earlier one, which may be charged, stays open. */
async function leaveUnsent(
  attempt: ActiveAttempt,
  isFirst: boolean,
  isProbe: boolean,
  submitAttempts: number,
): Promise<number | null> {
  if (isFirst) return endAsFailed(attempt, { code: 'CANCELLED', reason: 'no longer wanted' });
  if (!isProbe) return markInDoubt(attempt);
  // The workspace may be restored from the trash while the provider still knows the key; until then it is unclear.
  await recordCharge(attempt.job, { state: 'maybe' });
  await restoreSubmitCount(attempt, submitAttempts);
  return longestBackoffMs;
}

/** The changes of a video that are not in it yet; undefined if there are none. */
function changesIn(video: Video, changes: Partial<Video>): Partial<Video> | undefined {
  const isIn = Object.entries(changes).every(([key, value]) => video[key as keyof Video] === value);
  return isIn ? undefined : changes;
}

/** Does the free work with what the shots beside it have at the end of that work, since it may take long. */
async function prepareLinked(attempt: ActiveAttempt, provider: VideoProvider): Promise<Prepared> {
  const { signal } = attempt.stop;
  try {
    let links = await findLinks(attempt);
    for (let change = 0; ; change++) {
      const prepared = await prepare(attempt, provider, await takeLinked(attempt, links, signal));
      const read = links;
      links = await findLinks(attempt);
      if (isDeepStrictEqual(links, read) || change === maxLinkChanges) return prepared;
    }
  } catch (thrown) {
    const { code, message: reason } = toAppError(thrown);
    if (code === 'DATABASE_UNAVAILABLE') throw thrown;
    return { refusal: { state: 'refused', code, reason } };
  }
}

/** Does the free work: converts the images, uploads them. A stop aborts it, and an error here costs nothing. */
async function prepare(attempt: ActiveAttempt, provider: VideoProvider, sources: JobSources): Promise<Prepared> {
  const { attempt_id, model: id, form_data, resolution, audio } = attempt.job;
  const prepared = isDeepStrictEqual(sources, sourcesIn(attempt.job)) ? attempt.job.prepared : null;
  const model = provider.models.find((candidate) => candidate.id === id);
  if (!model) return { refusal: notConfigured };
  const job: VideoJob = {
    attempt_id,
    model: id,
    form_data,
    // A job of 1.0.0 has none.
    resolution: resolution ?? model.default_resolution,
    audio,
    imageFile: imageFile(sources.image_path!),
    endImageFile: sources.end_image_path === null ? null : imageFile(sources.end_image_path),
    image: Buffer.alloc(0),
    endImage: null,
    prepared: prepared === null ? undefined : JSON.parse(prepared),
  };
  // A repetition sends the stored preparation, so it needs neither the images nor another upload.
  if (prepared !== null && provider.prepare) return { job, sources };
  try {
    const withImages = { ...job, ...(await convertImages(provider, job)) };
    return { sources, job: { ...withImages, prepared: await provider.prepare?.(withImages, attempt.stop.signal) } };
  } catch (thrown) {
    const error =
      thrown instanceof AppError
        ? thrown
        : new AppError('IMAGE_UNREADABLE', 'The image cannot be read.', { cause: thrown });
    if (!attempt.stop.signal.aborted) logger.warn('attempt not prepared', { ...logFields(attempt), error });
    const { code, message: reason, retryAfterMs } = error;
    const state = transientCodes.includes(code) ? 'not_accepted' : 'refused';
    return { refusal: { state, code, reason, retryAfterMs } };
  }
}

async function convertImages(provider: VideoProvider, job: VideoJob): Promise<Pick<VideoJob, 'image' | 'endImage'>> {
  if (!provider.image) return job;
  const image = await provider.image(job.imageFile, job);
  const endImage = job.endImageFile === null ? null : await provider.image(job.endImageFile, job);
  return { image, endImage };
}

/** Sends one paid request; an error after a byte has left means that the outcome is unknown. */
async function sendOnce(
  attempt: ActiveAttempt,
  provider: VideoProvider,
  job: VideoJob,
  unwanted: AbortSignal,
): Promise<SubmitOutcome> {
  try {
    return await provider.submit(job, unwanted);
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.warn('submit got no answer', { ...logFields(attempt), unsent: error.unsent, error: thrown });
    if (error.unsent) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason: error.message };
    return { state: 'unknown' };
  }
}

/** Requeues an attempt that was certainly not accepted, unless the provider keeps refusing while it runs none of our tasks. */
async function notAccepted(attempt: ActiveAttempt, refusal: Refusal): Promise<number | null> {
  const { provider } = attempt.job;
  if (refusal.state === 'refused') return endAsFailed(attempt, refusal);
  const waitMs = refusal.retryAfterMs ?? pauseMs(attempt.refusals);
  const isBusyWithOurs = [...active.values()].some(({ job }) => job.provider === provider && job.state === 'polling');
  if (!isBusyWithOurs) attempt.refusals++;
  if (attempt.refusals >= maxRefusals) return endAsFailed(attempt, refusal);

  const { code, reason } = refusal;
  logger.info('video not accepted yet', { ...logFields(attempt), code, reason, wait_ms: waitMs });
  await requeue(attempt);
  coolDown(provider, 'creates', waitMs);
  attempt.firstOutcome.resolve('waiting');
  return attempt.job.cancelled_at ? 0 : waitMs;
}

/** Queues an attempt again if two processes took the last slot at the same time, which each notices after storing its intent. */
async function requeueOverbooked(attempt: ActiveAttempt, provider: VideoProvider): Promise<number> {
  await requeue(attempt);
  attempt.firstOutcome.resolve('waiting');
  return nextPollMs(provider);
}

async function requeue(attempt: ActiveAttempt): Promise<null> {
  await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'queued' && { video: { phase: 'queued' } }),
    job: { state: 'queued', sent_at: null, submit_attempts: 0 },
  });
  return null;
}

/** Restores the count of submits after a repetition that was not sent; the earlier create may still be charged. */
async function restoreSubmitCount(attempt: ActiveAttempt, submitAttempts: number): Promise<null> {
  await store.storeStep(attempt, { job: { submit_attempts: submitAttempts } });
  return null;
}

/** Whether the refusal is about the request itself, so that the first create was refused too. */
function isAboutRequest({ code }: Refusal, { deduplication }: VideoProvider): boolean {
  // Without a key, a second create with the same id counts as invalid input, which means that the first one exists.
  return code === 'CONTENT_REFUSED' || (code === 'INVALID_INPUT' && deduplication === 'key');
}

/** A rate limit or an account error says nothing about the earlier create: it is repeated a few times, then in doubt. */
async function repetitionRefused(attempt: ActiveAttempt, refusal: Refusal): Promise<number | null> {
  const { provider, submit_attempts: submitAttempts } = attempt.job;
  logger.warn('repeated create refused', { ...logFields(attempt), code: refusal.code, reason: refusal.reason });
  if (refusal.state === 'refused' || ++attempt.refusals >= maxRefusals) return markInDoubt(attempt);
  await store.storeStep(attempt, { job: { submit_attempts: Math.max(1, submitAttempts - 1) } });
  const waitMs = refusal.retryAfterMs ?? pauseMs(attempt.refusals);
  coolDown(provider, 'creates', waitMs);
  return waitMs;
}
