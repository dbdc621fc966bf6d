import type { StoredWorkspace } from '../db/workspace';
import { logger } from '../utils/logger';
import { storeAndUnjournal } from './accept';
import { logFields, usableProvider, type Attempt } from './attempt';
import { attemptsIn } from './leases';

/** For how long after it was sent a create is looked up by our id; providers keep ids for longer. */
const askedForMs = 24 * 3600 * 1000;

/** Looks up the creates in doubt of a workspace once more; returns those that their provider accepted. */
export async function lookUpInDoubt(workspace: StoredWorkspace): Promise<Attempt[]> {
  const doubtful = attemptsIn(workspace).filter(
    ({ job: { state, sent_at: sentAt } }) =>
      state === 'in_doubt' && sentAt !== null && Date.now() - sentAt.getTime() < askedForMs,
  );
  const found = await Promise.all(doubtful.map(lookUp));
  return found.filter((attempt) => attempt !== null);
}

async function lookUp(attempt: Attempt): Promise<Attempt | null> {
  const { attempt_id: attemptId, provider: name } = attempt.job;
  try {
    const taskId = await usableProvider(attempt)?.lookup?.(attemptId, new AbortController().signal);
    if (!taskId) return null;
    const task = { workspace_id: attempt.workspaceId, attempt_id: attemptId, task_id: taskId, provider: name };
    return await storeAndUnjournal(task);
  } catch (error) {
    logger.warn('task lookup failed', { ...logFields(attempt), error });
    return null;
  }
}
