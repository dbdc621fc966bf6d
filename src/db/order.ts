import type { ClientSession } from 'mongoose';
import { ownStamp } from '../utils/process-id';
import { TimelineState } from './timeline-state';
import { keysKept } from './updates';
import { Workspace } from './workspace';

/** The place of one workspace, which may be in the trash. */
export type Place = { id: string; order_index: number; isDeleted: boolean };

/** Every place in order, including those of the trash. */
export async function readPlaces(session?: ClientSession): Promise<Place[]> {
  const rows = await Workspace.find({}, { order_index: 1, deleted_at: 1 }, { session })
    .sort({ order_index: 1, _id: 1 })
    .lean();
  return rows.map((row) => ({ id: String(row._id), order_index: row.order_index, isDeleted: row.deleted_at !== null }));
}

/** The ids of the workspaces that are not in the trash. */
export const live = (places: Place[]): string[] => places.filter((place) => !place.isDeleted).map((place) => place.id);

/** Stores the order given by `ids`, of all workspaces outside the trash; those in the trash keep their places. */
export async function storeOrder(places: Place[], ids: string[], session?: ClientSession): Promise<void> {
  const stored_by = ownStamp();
  const next = ids.values();
  const moves = places
    .map((place, index) => ({ id: place.isDeleted ? place.id : next.next().value!, index }))
    .filter(({ id, index }) => places[index]!.id !== id || places[index]!.order_index !== index)
    .map(({ id, index }) => ({
      updateOne: { filter: { _id: id }, update: { $set: { order_index: index, stored_by } } },
    }));
  if (moves.length > 0) await Workspace.bulkWrite(moves, { session });
}

/** Whether a reorder with this key has been stored. */
export async function isReorderApplied(key: string | undefined, session?: ClientSession): Promise<boolean> {
  if (!key) return false;
  return (await TimelineState.exists({ _id: 'timeline', applied: key }).session(session ?? null)) !== null;
}

/** Remembers the key of a reorder. */
export async function rememberReorder(key: string | undefined, session?: ClientSession): Promise<void> {
  // Written even without a key, so that two concurrent reorders conflict in the database and one of them waits.
  const push = { applied: { $each: key ? [key] : [], $slice: -keysKept } };
  await TimelineState.updateOne({ _id: 'timeline' }, { $push: push }, { upsert: true, session });
}
