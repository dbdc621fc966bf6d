import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { touchFilm } from '../db/find-films';
import { notApplied, remember, rememberUnchanged } from '../db/updates';
import { Workspace, workspaceNotFound } from '../db/workspace';
import { dropUnsentJob } from '../generation/cancel';
import { defineMessage } from '../utils/message';
import { logger } from '../utils/logger';
import { newWriteId } from '../utils/process-id';

/** Moves a workspace to the trash, where its files stay for 30 days; a paid task is still tracked to its end. */
export const workspaceDelete = defineMessage({
  type: 'workspace.delete',
  summary: 'Moves a workspace to the trash for 30 days. Deleting it again gets the same reply.',
  input: clientMessage('workspace.delete', { workspace_id: objectId }),
  reply: 'workspace.deleted',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId }, { key }) {
    const message = { type: 'workspace.deleted', workspace_id: workspaceId } as const;
    // One that is in the trash with its film must stay there when that is restored.
    const isThere = { $or: [{ deleted_at: null }, { deleted_with_film: true }] };
    const deleted = await Workspace.findOneAndUpdate(
      { _id: workspaceId, ...isThere, ...notApplied(key) },
      {
        $set: { deleted_at: new Date(), stored_by: newWriteId() },
        $unset: { deleted_with_film: '' },
        ...remember(key),
      },
      { projection: { film_id: 1 } },
    ).lean();
    if (!deleted) {
      await rememberUnchanged(workspaceId, key);
      const stored = await Workspace.findOne({ _id: workspaceId }, { deleted_at: 1, film_id: 1 }).lean();
      if (!stored) throw workspaceNotFound();
      const filmId = String(stored.film_id);
      return { reply: message, filmId, ...(stored.deleted_at && { replayToOthers: message }) };
    }

    logger.info('workspace deleted', { workspace_id: workspaceId });
    // Best effort, since `submit` checks the trash again before it sends.
    await dropUnsentJob(workspaceId).catch((error: unknown) =>
      logger.warn('queued job of deleted workspace not dropped yet', { workspace_id: workspaceId, error }),
    );
    const filmId = String(deleted.film_id);
    await touchFilm(filmId);
    return { reply: message, filmId, toOthers: message };
  },
});
