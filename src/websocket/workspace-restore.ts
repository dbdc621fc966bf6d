import { trusted } from 'mongoose';
import { clientMessage, objectId } from '../contract';
import {
  notApplied,
  remember,
  rememberUnchanged,
  toWire,
  Workspace,
  workspaceNotFound,
  type StoredWorkspace,
} from '../db/mongodb';
import { defineMessage } from '../utils/define';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

/** Brings a workspace back from the trash to its place, with video and takes. */
export const workspaceRestore = defineMessage({
  type: 'workspace.restore',
  summary: 'Brings a workspace back from the trash, at its place, with its video and takes.',
  input: clientMessage('workspace.restore', { workspace_id: objectId }),
  answer: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId, request_id: requestId }) {
    const applied = requestId && `workspace.restore ${requestId}`;
    const restored = await Workspace.findOneAndUpdate(
      { _id: workspaceId, deleted_at: trusted({ $ne: null }), ...notApplied(applied) },
      { $set: { deleted_at: null, stored_by: ownStamp() }, ...remember(applied) },
      { returnDocument: 'after' },
    ).lean<StoredWorkspace>();
    if (restored) {
      logger.info('workspace restored', { workspace_id: workspaceId });
      const message = { type: 'workspace.created', workspace: toWire(restored) } as const;
      return { answer: message, others: message };
    }

    await rememberUnchanged(workspaceId, applied);
    const stored = await Workspace.findOne({ _id: workspaceId }).lean<StoredWorkspace>();
    if (!stored) throw workspaceNotFound();
    const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
    return { answer: message, ...(!stored.deleted_at && { again: message }) };
  },
});
