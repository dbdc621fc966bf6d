import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { notApplied, remember, rememberUnchanged } from '../db/updates';
import { Workspace, workspaceNotFound } from '../db/workspace';
import { dropUnsentJob } from '../generation/cancel';
import { defineMessage } from '../utils/message';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

/** Puts a workspace into the trash, where its files stay for 30 days; a paid task is followed to its end there. */
export const workspaceDelete = defineMessage({
  type: 'workspace.delete',
  summary: 'Puts a workspace into the trash for 30 days. Deleting it again is answered the same.',
  input: clientMessage('workspace.delete', { workspace_id: objectId }),
  reply: 'workspace.deleted',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId }, { key }) {
    const message = { type: 'workspace.deleted', workspace_id: workspaceId } as const;
    const deleted = await Workspace.updateOne(
      { _id: workspaceId, deleted_at: null, ...notApplied(key) },
      { $set: { deleted_at: new Date(), stored_by: ownStamp() }, ...remember(key) },
    );
    if (deleted.matchedCount === 0) {
      await rememberUnchanged(workspaceId, key);
      const stored = await Workspace.findOne({ _id: workspaceId }, { deleted_at: 1 }).lean();
      if (!stored) throw workspaceNotFound();
      return { reply: message, ...(stored.deleted_at && { replayToOthers: message }) };
    }

    logger.info('workspace deleted', { workspace_id: workspaceId });
    // Also dropped when its turn comes, so that a failure here is none of the delete.
    await dropUnsentJob(workspaceId).catch((error: unknown) =>
      logger.warn('waiting video of a deleted workspace not dropped yet', { workspace_id: workspaceId, error }),
    );
    return { reply: message, toOthers: message };
  },
});
