import { trusted } from 'mongoose';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { notApplied, remember, rememberUnchanged } from '../db/updates';
import { toWire, Workspace, workspaceNotFound, type StoredWorkspace } from '../db/workspace';
import { defineMessage } from '../utils/message';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

/** Restores a workspace from the trash to its place, with its video and takes. */
export const workspaceRestore = defineMessage({
  type: 'workspace.restore',
  summary: 'Restores a workspace from the trash to its place, with its video and takes.',
  input: clientMessage('workspace.restore', { workspace_id: objectId }),
  reply: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId }, { key }) {
    const restored = await Workspace.findOneAndUpdate(
      { _id: workspaceId, deleted_at: trusted({ $ne: null }), ...notApplied(key) },
      { $set: { deleted_at: null, stored_by: ownStamp() }, ...remember(key) },
      { returnDocument: 'after' },
    ).lean<StoredWorkspace>();
    if (restored) {
      logger.info('workspace restored', { workspace_id: workspaceId });
      const message = { type: 'workspace.created', workspace: toWire(restored) } as const;
      return { reply: message, toOthers: message };
    }

    await rememberUnchanged(workspaceId, key);
    const stored = await Workspace.findOne({ _id: workspaceId }).lean<StoredWorkspace>();
    if (!stored) throw workspaceNotFound();
    const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
    return { reply: message, ...(!stored.deleted_at && { replayToOthers: message }) };
  },
});
