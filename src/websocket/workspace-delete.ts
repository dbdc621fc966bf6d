import { clientMessage, objectId } from '../contract';
import { notApplied, remember, rememberUnchanged, Workspace, workspaceNotFound } from '../db/mongodb';
import { dropUnsentJob } from '../generation/cancel';
import { defineMessage } from '../utils/define';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

/** Puts a workspace into the trash, where its files stay for 30 days; a paid task is followed to its end there. */
export const workspaceDelete = defineMessage({
  type: 'workspace.delete',
  summary: 'Puts a workspace into the trash for 30 days. Deleting it again is answered the same.',
  input: clientMessage('workspace.delete', { workspace_id: objectId }),
  answer: 'workspace.deleted',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId, request_id: requestId }) {
    const message = { type: 'workspace.deleted', workspace_id: workspaceId } as const;
    const applied = requestId && `workspace.delete ${requestId}`;
    const deleted = await Workspace.updateOne(
      { _id: workspaceId, deleted_at: null, ...notApplied(applied) },
      { $set: { deleted_at: new Date(), stored_by: ownStamp() }, ...remember(applied) },
    );
    if (deleted.matchedCount === 0) {
      await rememberUnchanged(workspaceId, applied);
      const stored = await Workspace.findOne({ _id: workspaceId }, { deleted_at: 1 }).lean();
      if (!stored) throw workspaceNotFound();
      return { answer: message, ...(stored.deleted_at && { again: message }) };
    }

    logger.info('workspace deleted', { workspace_id: workspaceId });
    // Also dropped when its turn comes, so that a failure here is none of the delete.
    await dropUnsentJob(workspaceId).catch((error: unknown) =>
      logger.warn('waiting video of a deleted workspace not dropped yet', { workspace_id: workspaceId, error }),
    );
    return { answer: message, others: message };
  },
});
