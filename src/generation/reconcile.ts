import { config } from '../config';
import type { VideoProvider } from '../services/provider';
import { logger } from '../utils/logger';
import { ageOf, logFields, longestBackoffMs, pauseMs, type ActiveAttempt } from './attempt';
import { readAccepted } from './journal';
import { staleAfterMs } from './leases';
import { onAccepted } from './accept';
import { markInDoubt } from './ends';
import { send } from './submit';

const maxSubmitAttempts = 5;
const maxLookups = 3;
const lookupWaitMs = Math.min(20_000, 4 * config.VIDEO_POLL_INTERVAL_MS);

/**
 * Resolves a create whose answer was lost: from the journal, by a lookup, or by repeating it if the provider recognises
 * repetitions. Otherwise the attempt is in doubt.
 */
export async function reconcile(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  const { attempt_id: attemptId, submit_attempts: submitAttempts, sent_at: sentAt } = attempt.job;
  const recorded = await readAccepted(attemptId);
  if (recorded) return onAccepted(attempt, provider, recorded.task_id);
  const ageMs = ageOf(attempt, sentAt);
  // Without its provider it cannot be looked up, and would hold its slot for good.
  if (!provider) return ageMs > config.VIDEO_TIMEOUT_MS ? markInDoubt(attempt) : longestBackoffMs;

  // Providers forget keys after a while, and a job from a backup may be of any age.
  const isRepeatable = submitAttempts < maxSubmitAttempts && ageMs < staleAfterMs;
  const { deduplication } = provider;
  if (deduplication === 'key' && isRepeatable) return repeat(attempt, provider, pauseMs(submitAttempts - 1));
  if (deduplication === 'lookup' && provider.lookup) {
    const taskId = await lookUp(attempt, provider);
    if (taskId) return onAccepted(attempt, provider, taskId);
    if (attempt.lookups < maxLookups) return lookupWaitMs;
    // The provider has no such task and would refuse a second create with its id, so sending again cannot pay twice.
    attempt.lookups = 0;
    if (isRepeatable && !attempt.job.cancelled_at) return send(attempt, provider);
  }
  return markInDoubt(attempt);
}

/** Repeats the create after a back-off. The loop does the waiting, so this runs twice: first to ask for the wait, then to send. */
function repeat(attempt: ActiveAttempt, provider: VideoProvider, waitMs: number): Promise<number | null> | number {
  attempt.isRepeatDue = !attempt.isRepeatDue;
  return attempt.isRepeatDue ? waitMs : send(attempt, provider);
}

async function lookUp(attempt: ActiveAttempt, provider: VideoProvider): Promise<string | null> {
  try {
    const taskId = await provider.lookup!(attempt.job.attempt_id, attempt.stop.signal);
    if (!taskId) attempt.lookups++;
    return taskId;
  } catch (error) {
    if (attempt.stop.signal.aborted) throw error;
    // The lookup got no answer, so it is repeated until the generation times out.
    if (ageOf(attempt, attempt.job.sent_at) > config.VIDEO_TIMEOUT_MS) attempt.lookups = maxLookups;
    logger.warn('task lookup failed', { ...logFields(attempt), error });
    return null;
  }
}
