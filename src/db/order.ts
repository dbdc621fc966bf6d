import type { ClientSession } from 'mongoose';
import { newWriteId } from '../utils/process-id';
import { Film, filmNotFound } from './film';
import { remember } from './updates';
import { Workspace } from './workspace';

/** The position of one workspace, which may be in the trash. */
export type Position = { id: string; order_index: number; isDeleted: boolean };

/** Every position of a film in order, including those of the trash. */
export async function readPositions(filmId: string, session?: ClientSession): Promise<Position[]> {
  const rows = await Workspace.find({ film_id: filmId }, { order_index: 1, deleted_at: 1 }, { session })
    .sort({ order_index: 1, _id: 1 })
    .lean();
  return rows.map((row) => ({ id: String(row._id), order_index: row.order_index, isDeleted: row.deleted_at !== null }));
}

/** The ids of the workspaces that are not in the trash. */
export const idsOnTimeline = (positions: Position[]): string[] =>
  positions.filter((position) => !position.isDeleted).map((position) => position.id);

/** Stores the order given by `ids`, of all workspaces outside the trash; those in the trash keep their positions. */
export async function storeOrder(positions: Position[], ids: string[], session?: ClientSession): Promise<void> {
  const stored_by = newWriteId();
  const next = ids.values();
  const moves = positions
    .map((position, index) => ({ id: position.isDeleted ? position.id : next.next().value!, index }))
    .filter(({ id, index }) => positions[index]!.id !== id || positions[index]!.order_index !== index)
    .map(({ id, index }) => ({
      updateOne: { filter: { _id: id }, update: { $set: { order_index: index, stored_by } } },
    }));
  if (moves.length > 0) await Workspace.bulkWrite(moves, { session });
}

/** Whether a reorder of the film with this key has been stored. */
export async function isReorderApplied(
  filmId: string,
  key: string | undefined,
  session?: ClientSession,
): Promise<boolean> {
  if (!key) return false;
  return (await Film.exists({ _id: filmId, applied: key }).session(session ?? null)) !== null;
}

/** Remembers the key of a reorder, and that the film has changed; throws FILM_NOT_FOUND for an unknown or deleted film. */
export async function rememberReorder(filmId: string, key: string | undefined, session?: ClientSession): Promise<void> {
  // Written even without a key, so that two concurrent reorders conflict in the database and one of them waits.
  const update = { $set: { updated_at: new Date() }, ...remember(key) };
  const { matchedCount } = await Film.updateOne({ _id: filmId, deleted_at: null }, update, { session });
  if (matchedCount === 0) throw filmNotFound(filmId);
}
