import { trusted } from 'mongoose';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { Film, filmNotFound, type StoredFilm } from '../db/film';
import { deleteShots } from '../db/film-trash';
import { hasOtherFilm } from '../db/find-films';
import { inTransaction } from '../db/mongodb';
import { notApplied, remember } from '../db/updates';
import { Workspace } from '../db/workspace';
import { toWireFilmOf } from '../film/overview';
import { dropUnsentJob } from '../generation/cancel';
import { logger } from '../utils/logger';
import { defineMessage } from '../utils/message';
import { newWriteId } from '../utils/process-id';

/** Moves a film to the trash with its shots; paid tasks are still tracked to their end, and its sockets are closed. */
export const filmDelete = defineMessage({
  type: 'film.delete',
  summary:
    'Moves a film and its shots to the trash for 30 days, and closes its sockets with code 1012. Deleting it again gets the same reply; before the only film is deleted, an empty one is created.',
  input: clientMessage('film.delete', { film_id: objectId }),
  reply: 'film.deleted',
  queues: ['film', 'order'],
  async handle({ film_id: filmId }, { key }) {
    const message = { type: 'film.deleted', film_id: filmId } as const;
    const stored = await Film.findOne({ _id: filmId }).lean<StoredFilm>();
    if (!stored) throw filmNotFound(filmId);
    const isWanted = !stored.deleted_at && !(key && stored.applied.includes(key));
    const replacement =
      isWanted && !(await hasOtherFilm(filmId)) ? await Film.create({ stored_by: newWriteId() }) : null;
    const isDeleted = isWanted && (await deleteFilm(filmId, key));
    const toAll = replacement && {
      type: 'film.created' as const,
      film: await toWireFilmOf(replacement.toObject<StoredFilm>()),
    };
    const result = { reply: message, filmId: null, ...(toAll && { toAll }) };
    if (!isDeleted) return { ...result, ...(stored.deleted_at && { replayToOthers: message }) };

    logger.info('film deleted', { film_id: filmId });
    await dropUnsentJobs(filmId);
    return { ...result, toOthers: message, endedFilmId: filmId };
  },
});

/** False when a concurrent message has deleted it. */
async function deleteFilm(filmId: string, key: string | undefined): Promise<boolean> {
  const deleted_at = new Date();
  let isDeleted = false;
  await inTransaction(async (session) => {
    const { matchedCount } = await Film.updateOne(
      { _id: filmId, deleted_at: null, ...notApplied(key) },
      { $set: { deleted_at, stored_by: newWriteId() }, ...remember(key) },
      { session },
    );
    isDeleted = matchedCount > 0;
    if (isDeleted) await deleteShots(filmId, deleted_at, session);
  });
  return isDeleted;
}

/** Best effort: the submit looks at the trash again. */
async function dropUnsentJobs(filmId: string): Promise<void> {
  const isUnsent = { film_id: filmId, deleted_with_film: true, 'job.task_id': null, job: trusted({ $ne: null }) };
  for (const workspaceId of (await Workspace.distinct('_id', isUnsent)).map(String))
    await dropUnsentJob(workspaceId).catch((error: unknown) =>
      logger.warn('queued job of deleted film not dropped yet', { workspace_id: workspaceId, error }),
    );
}
