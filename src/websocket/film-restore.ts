import { trusted } from 'mongoose';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { Film, filmNotFound, type StoredFilm } from '../db/film';
import { restoreShots } from '../db/film-trash';
import { inTransaction } from '../db/mongodb';
import { notApplied, remember } from '../db/updates';
import { toWireFilmOf } from '../film/overview';
import { logger } from '../utils/logger';
import { defineMessage } from '../utils/message';
import { newWriteId } from '../utils/process-id';

/** Restores a film from the trash with the shots that went there with it. */
export const filmRestore = defineMessage({
  type: 'film.restore',
  summary: 'Restores a film from the trash, with the shots that were deleted with it; those deleted before stay there.',
  input: clientMessage('film.restore', { film_id: objectId }),
  reply: 'film.created',
  queues: ['film', 'order'],
  async handle({ film_id: filmId }, { key }) {
    const isNew = await restoreFilm(filmId, key);
    const stored = await Film.findOne({ _id: filmId }).lean<StoredFilm>();
    if (!stored) throw filmNotFound(filmId);
    if (isNew) logger.info('film restored', { film_id: filmId });
    const message = { type: 'film.created', film: await toWireFilmOf(stored) } as const;
    if (isNew) return { reply: message, filmId: null, toOthers: message };
    return { reply: message, filmId: null, ...(!stored.deleted_at && { replayToOthers: message }) };
  },
});

async function restoreFilm(filmId: string, key: string | undefined): Promise<boolean> {
  let isNew = false;
  await inTransaction(async (session) => {
    const { matchedCount } = await Film.updateOne(
      { _id: filmId, deleted_at: trusted({ $ne: null }), ...notApplied(key) },
      { $set: { deleted_at: null, updated_at: new Date(), stored_by: newWriteId() }, ...remember(key) },
      { session },
    );
    isNew = matchedCount > 0;
    if (isNew) await restoreShots(filmId, session);
  });
  return isNew;
}
