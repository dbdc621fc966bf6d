import type { Cost } from '../contract/money';
import type { VideoProvider } from '../services/provider';
import { logger } from '../utils/logger';
import { LeaseLost, logFields, nextPollMs, type ActiveAttempt, type Attempt } from './attempt';
import { removeAccepted, journalTask, type AcceptedTask } from './journal';
import { storeTaskId } from './store';

/** Stores the task of an accepted attempt, in the journal first, since the database may be unavailable. */
export async function onAccepted(
  attempt: ActiveAttempt,
  provider: VideoProvider | null,
  taskId: string,
  cost?: Cost,
): Promise<number> {
  const { workspaceId, job } = attempt;
  const task = { workspace_id: workspaceId, attempt_id: job.attempt_id, task_id: taskId, provider: job.provider };
  await journalTask(task).catch((error: unknown) =>
    logger.error('accepted task not written to the journal', { ...logFields(attempt), task_id: taskId, error }),
  );
  const stored = await storeAndUnjournal(task, cost);
  if (!stored) throw new LeaseLost();
  Object.assign(attempt, stored);
  attempt.firstOutcome.resolve('accepted');
  return attempt.job.cancelled_at ? 0 : nextPollMs(provider);
}

/** Stores an accepted task in the database, then removes its journal entry; null when there is nothing to run here. */
export async function storeAndUnjournal(task: AcceptedTask, cost?: Cost): Promise<Attempt | null> {
  const stored = await storeTaskId(task, cost);
  if (stored === 'unknown') {
    // Another database may know it, so keep the entry and cancel nothing.
    logger.error('orphaned task: this database has no such attempt', task);
    return null;
  }
  await removeAccepted(task.attempt_id);
  if (stored === 'taken') return null;
  logger.info('video accepted', logFields(stored));
  return stored;
}
