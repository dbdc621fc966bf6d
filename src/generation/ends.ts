import { config } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { Cost, Money } from '../contract/money';
import type { VideoError } from '../contract/video';
import { costOf } from '../costs/amounts';
import { isKnownFree } from '../costs/ledger';
import { readFileFacts } from '../media/file-facts';
import { hasVideo, makePoster, videoUrl } from '../media/videos';
import { staleErrorOf, goneErrorOf, videoErrorOf } from '../services/provider-errors';
import { logger } from '../utils/logger';
import { failedWith, failure, isNoCharge, logFields, ownsVideo, type ActiveAttempt, type Attempt } from './attempt';
import { storeStep } from './store';

const maxNoChargeSubmits = 3;

/** Ends an attempt whose file is on our disk: its video is completed, or becomes a take if the attempt no longer owns the video. */
export async function complete(attempt: ActiveAttempt, cost?: Cost): Promise<null> {
  const { attempt_id: attemptId } = attempt.job;
  const video = {
    status: 'completed',
    url: videoUrl(attemptId),
    poster_url: await makePoster(attemptId),
    error: null,
    phase: null,
    progress: null,
    ...(await readFileFacts(attemptId, attempt.stop.signal)),
    completed_at: new Date().toISOString(),
  } as const;
  await storeStep(attempt, { video, job: null, cost });
  logger.info('video completed', logFields(attempt));
  return null;
}

/** Ends a failed attempt and stores whether it was charged. */
export async function endAsFailed(
  attempt: Attempt,
  failed: { code: ErrorCode; reason: string; charged?: VideoError['charged']; charge?: Money },
): Promise<null> {
  const { code, reason, charged = 'no' } = failed;
  logger.warn('video failed', { ...logFields(attempt), code, reason, charged });
  const video = failure(code, attempt.job.provider, charged);
  await storeStep(attempt, { video, job: null, cost: costOf(failed) });
  return null;
}

/**
 * Ends an attempt whose task its provider no longer has. It was paid and is lost, which is shown even if it was cancelled. A
 * task without charge is queued again.
 */
export async function endAsGone(attempt: ActiveAttempt): Promise<number | null> {
  const { provider } = attempt.job;
  // After a restore of the database, or a crash between download and write, the clip is already here.
  if (hasVideo(attempt.job.attempt_id)) return complete(attempt);
  if (canRequeue(attempt)) return requeueNoCharge(attempt);
  logger.error('task is gone at the provider', logFields(attempt));
  const video = isNoCharge(provider) ? failure('TASK_FAILED', provider, 'no') : failedWith(goneErrorOf(provider));
  await storeStep(attempt, { video, job: null, evenIfCancelled: true });
  return null;
}

const canRequeue = (attempt: ActiveAttempt): boolean =>
  isNoCharge(attempt.job.provider) &&
  attempt.job.submit_attempts < maxNoChargeSubmits &&
  attempt.video.status === 'generating' &&
  ownsVideo(attempt);

/** Queues a task without charge again, for instance when its render was on a disk that is gone. */
async function requeueNoCharge(attempt: ActiveAttempt): Promise<number> {
  logger.warn('no-charge task is gone, queueing it again', logFields(attempt));
  attempt.notFound = 0;
  const job = { state: 'queued', task_id: null, sent_at: null, accepted_at: null } as const;
  await storeStep(attempt, { video: { phase: 'queued', progress: null, task_id: null }, job });
  return 0;
}

/** Stores the attempt as failed for the user, but keeps checking it, so that a late paid result is not lost. */
export async function failAndRecheck(
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

/** Marks an attempt whose submit outcome is unknown; it is never submitted again automatically. */
export async function markInDoubt(attempt: Attempt): Promise<null> {
  const { attempt_id: attemptId, submit_attempts: submitAttempts } = attempt.job;
  // Its only create was refused, and its process ended between the two writes that store that.
  if (submitAttempts <= 1 && (await isKnownFree(attemptId))) {
    return endAsFailed(attempt, { code: 'TASK_FAILED', reason: 'refused before the server ended' });
  }
  logger.error('submit outcome unknown', logFields(attempt));
  return storeInDoubt(attempt, videoErrorOf('SUBMIT_UNKNOWN', attempt.job.provider, 'maybe'));
}

/** Marks an attempt queued for so long that it may come from a backup; the original server may have submitted it since. */
export async function markStale(attempt: Attempt): Promise<null> {
  logger.warn('attempt too old to submit automatically', logFields(attempt));
  return storeInDoubt(attempt, staleErrorOf(attempt.job.provider));
}

async function storeInDoubt(attempt: Attempt, error: VideoError): Promise<null> {
  await storeStep(attempt, { video: failedWith(error), job: { state: 'in_doubt' } });
  return null;
}
