import type { VideoProvider } from '../services/provider';
import { logger } from '../utils/logger';
import { LeaseLost, logFields, nextPollMs, type ActiveAttempt, type Attempt } from './attempt';
import { forgetAccepted, noteAccepted, type AcceptedTask } from './journal';
import { storeAccepted } from './store';

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
  const stored = await storeAccepted(task);
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
