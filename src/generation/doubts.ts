import type { StoredWorkspace } from '../db/workspace';
import { logger } from '../utils/logger';
import { settleAccepted } from './accept';
import { logFields, usableProvider, type Attempt } from './attempt';
import { attemptsIn } from './leases';

/** A provider that can be asked for a create by our id knows it for longer than this. */
const askedForMs = 24 * 3600 * 1000;

/** Asks once more for the creates in doubt of a workspace, where their provider can tell by now; returns those that it has. */
export async function lookUpDoubts(workspace: StoredWorkspace): Promise<Attempt[]> {
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
    return await settleAccepted(task);
  } catch (error) {
    logger.warn('create in doubt not looked up', { ...logFields(attempt), error });
    return null;
  }
}
