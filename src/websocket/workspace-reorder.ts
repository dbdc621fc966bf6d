import type { ClientSession } from 'mongoose';
import { z } from 'zod';
import { clientMessage, requestIdsKept } from '../contract';
import { inTransaction, Timeline, Workspace } from '../db/mongodb';
import { defineMessage } from '../utils/define';

type Place = { id: string; order_index: number; isDeleted: boolean };

/** Stores a new order of the whole timeline at once; those in the trash keep their places. */
export const workspaceReorder = defineMessage({
  type: 'workspace.reorder',
  summary: 'Puts the workspaces into the given order; those that are not named follow in their present order.',
  input: clientMessage('workspace.reorder', { workspace_ids: z.array(z.string()) }),
  answer: 'workspace.reorder_confirm',
  // Edits wait meanwhile: each would make the transaction begin anew.
  queues: ['listed', 'order'],
  async handle({ workspace_ids: wanted, request_id: requestId }) {
    let ids: string[] = [];
    let isNew = true;
    await inTransaction(async (session) => {
      const places = await readPlaces(session);
      isNew = await rememberRequest(requestId, session);
      ids = isNew ? newOrder(places, wanted) : live(places);
      if (isNew) await storeOrder(places, ids, session);
    });
    const told = { type: 'workspace.reordered', workspace_ids: ids } as const;
    return {
      answer: { type: 'workspace.reorder_confirm', workspace_ids: ids },
      ...(isNew ? { others: told } : { again: told }),
    };
  },
});

async function readPlaces(session?: ClientSession): Promise<Place[]> {
  const rows = await Workspace.find({}, { order_index: 1, deleted_at: 1 }, { session })
    .sort({ order_index: 1, _id: 1 })
    .lean();
  return rows.map((row) => ({ id: String(row._id), order_index: row.order_index, isDeleted: row.deleted_at !== null }));
}

const live = (places: Place[]): string[] => places.filter((place) => !place.isDeleted).map((place) => place.id);

function newOrder(places: Place[], wanted: string[]): string[] {
  const present = live(places);
  const known = new Set(present);
  const named = [...new Set(wanted)].filter((id) => known.has(id));
  const isNamed = new Set(named);
  return [...named, ...present.filter((id) => !isNamed.has(id))];
}

async function storeOrder(places: Place[], ids: string[], session?: ClientSession): Promise<void> {
  const next = ids.values();
  const moves = places
    .map((place, index) => ({ id: place.isDeleted ? place.id : next.next().value!, index }))
    .filter(({ id, index }) => places[index]!.id !== id || places[index]!.order_index !== index)
    .map(({ id, index }) => ({ updateOne: { filter: { _id: id }, update: { $set: { order_index: index } } } }));
  if (moves.length > 0) await Workspace.bulkWrite(moves, { session });
}

/** False when this reorder was applied before. */
async function rememberRequest(requestId: string | undefined, session?: ClientSession): Promise<boolean> {
  // Written also without a request_id, so that two reorders at once conflict in the database and one of them waits.
  const push = { applied: { $each: requestId ? [requestId] : [], $slice: -requestIdsKept } };
  const before = await Timeline.findOneAndUpdate({ _id: 'timeline' }, {}, { upsert: true, session }).lean();
  if (requestId && before?.applied?.includes(requestId)) return false;
  await Timeline.updateOne({ _id: 'timeline' }, { $push: push }, { session });
  return true;
}
