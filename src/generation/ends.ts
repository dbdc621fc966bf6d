import { config } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { VideoError } from '../contract/video';
import { hasVideo, makePoster, videoUrl } from '../media/videos';
import { forgottenErrorOf, goneErrorOf, videoErrorOf } from '../services/provider-errors';
import { logger } from '../utils/logger';
import { failedWith, failure, isNoCharge, logFields, ownsVideo, type ActiveAttempt, type Attempt } from './attempt';
import { storeStep } from './store';

const freeSubmits = 3;

/** Ends an attempt whose file is ours: its video is completed, or a take where the video is no longer the attempt's. */
export async function complete(attempt: ActiveAttempt): Promise<null> {
  const { attempt_id: attemptId } = attempt.job;
  const video = {
    status: 'completed',
    url: videoUrl(attemptId),
    poster_url: await makePoster(attemptId),
    error: null,
    phase: null,
    progress: null,
    completed_at: new Date().toISOString(),
  } as const;
  await storeStep(attempt, { video, job: null });
  logger.info('video completed', logFields(attempt));
  return null;
}

/** Ends an attempt that failed, with what it costs. */
export async function endAsFailed(
  attempt: ActiveAttempt,
  { code, reason, charged = 'no' }: { code: ErrorCode; reason: string; charged?: VideoError['charged'] },
): Promise<null> {
  logger.warn('video failed', { ...logFields(attempt), code, reason, charged });
  await storeStep(attempt, { video: failure(code, attempt.job.provider, charged), job: null });
  return null;
}

/**
 * Ends an attempt whose task its provider no longer has: paid and lost. Said even of a cancelled one, whose clip was to come.
 * One that costs nothing is made again.
 */
export async function endAsGone(attempt: ActiveAttempt): Promise<number | null> {
  const { provider } = attempt.job;
  // Of a restored database, or after a crash between the file and the word: its clip is here.
  if (hasVideo(attempt.job.attempt_id)) return complete(attempt);
  if (isFreeAgain(attempt)) return makeAgain(attempt);
  logger.error('task is gone at the provider', logFields(attempt));
  const video = isNoCharge(provider) ? failure('TASK_FAILED', provider, 'no') : failedWith(goneErrorOf(provider));
  await storeStep(attempt, { video, job: null, isLastWord: true });
  return null;
}

const isFreeAgain = (attempt: ActiveAttempt): boolean =>
  isNoCharge(attempt.job.provider) &&
  attempt.job.submit_attempts < freeSubmits &&
  attempt.video.status === 'generating' &&
  ownsVideo(attempt);

/** Such as a render of another server that is gone, and its disk with it. */
async function makeAgain(attempt: ActiveAttempt): Promise<number> {
  logger.warn('task that costs nothing is gone, made again', logFields(attempt));
  attempt.notFound = 0;
  const job = { state: 'queued', task_id: null, sent_at: null, accepted_at: null } as const;
  await storeStep(attempt, { video: { phase: 'queued', progress: null, task_id: null }, job });
  return 0;
}

/** Failed for the user, and still asked for now and then: what is paid and late is not thrown away. */
export async function failForNow(
  attempt: ActiveAttempt,
  code: 'TIMEOUT' | 'PROVIDER_BAD_REPLY' | 'DOWNLOAD_FAILED',
): Promise<number> {
  const isMade = code === 'DOWNLOAD_FAILED';
  logger.warn('generation timed out or not delivered, rechecking', { ...logFields(attempt), code });
  await storeStep(attempt, {
    video: failure(code, attempt.job.provider, isMade ? 'yes' : 'maybe'),
    job: { state: isMade ? 'download_failed' : 'timed_out' },
  });
  return config.VIDEO_RECHECK_INTERVAL_MS;
}

/** Says that nobody knows whether this attempt was accepted; it is never sent again by itself. */
export async function inDoubt(attempt: Attempt): Promise<null> {
  logger.error('submit outcome unknown', logFields(attempt));
  return storeDoubt(attempt, videoErrorOf('SUBMIT_UNKNOWN', attempt.job.provider, 'maybe'));
}

/** Says that an attempt waited so long that it may be from a backup, whose server may have sent it since. */
export async function forgotten(attempt: Attempt): Promise<null> {
  logger.warn('attempt waited too long to be sent by itself', logFields(attempt));
  return storeDoubt(attempt, forgottenErrorOf(attempt.job.provider));
}

async function storeDoubt(attempt: Attempt, error: VideoError): Promise<null> {
  await storeStep(attempt, { video: failedWith(error), job: { state: 'in_doubt' } });
  return null;
}
