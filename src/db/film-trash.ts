import { trusted, type ClientSession } from 'mongoose';
import { newWriteId } from '../utils/process-id';
import { Film } from './film';
import { inTransaction } from './mongodb';
import { Workspace } from './workspace';

/** Moves the shots of a film to the trash with it; those that were there before stay by themselves. */
export async function deleteShots(filmId: string, deleted_at: Date, session?: ClientSession): Promise<void> {
  await Workspace.updateMany(
    { film_id: filmId, deleted_at: null },
    { $set: { deleted_at, deleted_with_film: true, stored_by: newWriteId() } },
    { session },
  );
}

/** Restores the shots that went to the trash with their film. */
export async function restoreShots(filmId: string, session?: ClientSession): Promise<void> {
  await Workspace.updateMany(
    { film_id: filmId, deleted_with_film: true },
    { $set: { deleted_at: null, stored_by: newWriteId() }, $unset: { deleted_with_film: '' } },
    { session },
  );
}

/** Makes shots follow their film: a kill between two writes, or a create at the moment of a delete, can leave them behind. */
export async function alignTrash(): Promise<void> {
  const deleted = await Film.distinct('_id', { deleted_at: trusted({ $ne: null }) });
  const live = await Film.distinct('_id', { deleted_at: null });
  const left = await Workspace.distinct('film_id', { film_id: trusted({ $in: deleted }), deleted_at: null });
  const lost = await Workspace.distinct('film_id', { film_id: trusted({ $in: live }), deleted_with_film: true });
  for (const filmId of [...left, ...lost].map(String)) await alignShots(filmId);
}

/** Reads the film again, since it may have been restored or deleted in the meantime. */
async function alignShots(filmId: string): Promise<void> {
  await inTransaction(async (session) => {
    const film = await Film.findOne({ _id: filmId }, { deleted_at: 1 }, { session }).lean();
    if (film?.deleted_at) await deleteShots(filmId, film.deleted_at, session);
    else if (film) await restoreShots(filmId, session);
  });
}
