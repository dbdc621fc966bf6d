import { config } from '../config';
import type { VideoProvider } from '../services/provider';
import { logger } from '../utils/logger';
import { ageOf, logFields, longestBackoffMs, pauseMs, type ActiveAttempt } from './attempt';
import { readAccepted } from './journal';
import { forgottenAfterMs } from './leases';
import { accepted } from './accept';
import { inDoubt } from './ends';
import { send } from './submit';

const maxSubmitAttempts = 5;
const lookupsOfOneCreate = 3;
const lookupWaitMs = Math.min(20_000, 4 * config.VIDEO_POLL_INTERVAL_MS);

/** Finds out what became of a create whose answer was lost: noted here, looked up, repeated where a repetition is recognised; else nobody knows. */
export async function reconcile(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  const { attempt_id: attemptId, submit_attempts: submitAttempts, sent_at: sentAt } = attempt.job;
  const noted = await readAccepted(attemptId);
  if (noted) return accepted(attempt, provider, noted.task_id);
  const ageMs = ageOf(attempt, sentAt);
  // Without its provider it cannot be asked for, and holds a slot meanwhile.
  if (!provider) return ageMs > config.VIDEO_TIMEOUT_MS ? inDoubt(attempt) : longestBackoffMs;

  // A provider remembers a key for a while only, and a job from a backup may be of any age.
  const isRepeatable = submitAttempts < maxSubmitAttempts && ageMs < forgottenAfterMs;
  const { deduplication } = provider.capabilities;
  if (deduplication === 'key' && isRepeatable) return repeat(attempt, provider, pauseMs(submitAttempts - 1));
  if (deduplication === 'lookup' && provider.lookup) {
    const taskId = await lookUp(attempt, provider);
    if (taskId) return accepted(attempt, provider, taskId);
    if (attempt.lookups < lookupsOfOneCreate) return lookupWaitMs;
    // The provider has never heard of it and refuses a second create of the same id, so this one cannot pay twice.
    attempt.lookups = 0;
    if (isRepeatable && !attempt.job.cancelled_at) return send(attempt, provider);
  }
  return inDoubt(attempt);
}

function repeat(attempt: ActiveAttempt, provider: VideoProvider, waitMs: number): Promise<number | null> | number {
  attempt.isRepetitionDue = !attempt.isRepetitionDue;
  return attempt.isRepetitionDue ? waitMs : send(attempt, provider);
}

async function lookUp(attempt: ActiveAttempt, provider: VideoProvider): Promise<string | null> {
  try {
    const taskId = await provider.lookup!(attempt.job.attempt_id, attempt.stop.signal);
    if (!taskId) attempt.lookups++;
    return taskId;
  } catch (error) {
    if (attempt.stop.signal.aborted) throw error;
    // Not an answer: asked again, until the time of a generation is over.
    if (ageOf(attempt, attempt.job.sent_at) > config.VIDEO_TIMEOUT_MS) attempt.lookups = lookupsOfOneCreate;
    logger.warn('lost task not looked up', { ...logFields(attempt), error });
    return null;
  }
}
