import type { ClientSession } from 'mongoose';
import { z } from 'zod';
import { clientMessage, requestIdsKept } from '../contract';
import { inTransaction, Timeline, Workspace } from '../db/mongodb';
import { isOrderOvertaken, settleOrder } from '../db/repetitions';
import { defineMessage } from '../utils/define';
import { ownStamp } from '../utils/process-id';

type Place = { id: string; order_index: number; isDeleted: boolean };

/** Stores a new order of the whole timeline at once; those in the trash keep their places. */
export const workspaceReorder = defineMessage({
  type: 'workspace.reorder',
  summary:
    'Puts the workspaces into the given order; those that are not named follow in their present order. With `base_order`, the ids that its author saw, a repetition is confirmed with the stored order where that is another.',
  input: clientMessage('workspace.reorder', {
    workspace_ids: z.array(z.string()),
    base_order: z.array(z.string()).optional(),
  }),
  answer: 'workspace.reorder_confirm',
  // Edits wait meanwhile: each would make the transaction begin anew.
  queues: ['listed', 'order'],
  async handle({ workspace_ids: wanted, request_id: requestId, base_order: baseOrder }) {
    const applied = requestId && `workspace.reorder ${requestId}`;
    let ids: string[] = [];
    let isNew = true;
    await inTransaction(async (session) => {
      const places = await readPlaces(session);
      const present = live(places);
      const isKnown = await isApplied(requestId, session);
      isNew = !isKnown && !isOrderOvertaken(present, applied, baseOrder);
      ids = isNew ? newOrder(present, wanted) : present;
      if (isNew) await storeOrder(places, ids, session);
      // After the order: on a server without transactions a cut between the two must not lose it.
      if (!isKnown) await rememberRequest(requestId, session);
    });
    settleOrder(ids, applied, isNew);
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

function newOrder(present: string[], wanted: string[]): string[] {
  const known = new Set(present);
  const named = [...new Set(wanted)].filter((id) => known.has(id));
  const isNamed = new Set(named);
  return [...named, ...present.filter((id) => !isNamed.has(id))];
}

async function storeOrder(places: Place[], ids: string[], session?: ClientSession): Promise<void> {
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

async function isApplied(requestId: string | undefined, session?: ClientSession): Promise<boolean> {
  if (!requestId) return false;
  return (await Timeline.exists({ _id: 'timeline', applied: requestId }).session(session ?? null)) !== null;
}

async function rememberRequest(requestId: string | undefined, session?: ClientSession): Promise<void> {
  // Written also without a request_id, so that two reorders at once conflict in the database and one of them waits.
  const push = { applied: { $each: requestId ? [requestId] : [], $slice: -requestIdsKept } };
  await Timeline.updateOne({ _id: 'timeline' }, { $push: push }, { upsert: true, session });
}
