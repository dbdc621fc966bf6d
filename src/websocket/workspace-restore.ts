import { trusted } from 'mongoose';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { findFilm, touchFilm } from '../db/find-films';
import { notApplied, remember, rememberUnchanged } from '../db/updates';
import { toWire, Workspace, workspaceNotFound, type StoredWorkspace } from '../db/workspace';
import { defineMessage } from '../utils/message';
import { logger } from '../utils/logger';
import { newWriteId } from '../utils/process-id';

/** Restores a workspace from the trash to its place, with its video and takes. */
export const workspaceRestore = defineMessage({
  type: 'workspace.restore',
  summary: 'Restores a workspace from the trash to its place, with its video and takes.',
  input: clientMessage('workspace.restore', { workspace_id: objectId }),
  reply: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId }, { key }) {
    const found = await Workspace.findOne({ _id: workspaceId }, { film_id: 1 }).lean();
    if (!found) throw workspaceNotFound();
    const filmId = String(found.film_id);
    await findFilm(filmId);
    const restored = await Workspace.findOneAndUpdate(
      { _id: workspaceId, deleted_at: trusted({ $ne: null }), ...notApplied(key) },
      { $set: { deleted_at: null, stored_by: newWriteId() }, $unset: { deleted_with_film: '' }, ...remember(key) },
      { returnDocument: 'after' },
    ).lean<StoredWorkspace>();
    if (restored) {
      logger.info('workspace restored', { workspace_id: workspaceId });
      const message = { type: 'workspace.created', workspace: toWire(restored) } as const;
      await touchFilm(filmId);
      return { reply: message, filmId, toOthers: message };
    }

    await rememberUnchanged(workspaceId, key);
    const stored = await Workspace.findOne({ _id: workspaceId }).lean<StoredWorkspace>();
    if (!stored) throw workspaceNotFound();
    const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
    return { reply: message, filmId, ...(!stored.deleted_at && { replayToOthers: message }) };
  },
});
