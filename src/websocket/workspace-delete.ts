import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { notApplied, remember, rememberUnchanged } from '../db/updates';
import { Workspace, workspaceNotFound } from '../db/workspace';
import { dropUnsentJob } from '../generation/cancel';
import { defineMessage } from '../utils/message';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

/** Moves a workspace to the trash, where its files stay for 30 days; a paid task is still tracked to its end. */
export const workspaceDelete = defineMessage({
  type: 'workspace.delete',
  summary: 'Moves a workspace to the trash for 30 days. Deleting it again gets the same reply.',
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
    // Best effort: the submit looks at the trash again.
    await dropUnsentJob(workspaceId).catch((error: unknown) =>
      logger.warn('queued job of deleted workspace not dropped yet', { workspace_id: workspaceId, error }),
    );
    return { reply: message, toOthers: message };
  },
});
