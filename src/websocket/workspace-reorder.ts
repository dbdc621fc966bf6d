import type { ClientSession } from 'mongoose';
import { z } from 'zod';
import { clientMessage } from '../contract';
import { inTransaction } from '../db/mongodb';
import { TimelineState } from '../db/timeline-state';
import { keysKept } from '../db/updates';
import { Workspace } from '../db/workspace';
import { isOrderOvertaken, resolveReorder } from '../db/repetitions';
import { defineMessage } from '../utils/message';
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
  reply: 'workspace.reorder_confirm',
  // Edits wait meanwhile: each would make the transaction begin anew.
  queues: ['each-of-workspace_ids', 'order'],
  async handle({ workspace_ids: wanted, base_order: baseOrder }, { key }) {
    let ids: string[] = [];
    let isNew = true;
    await inTransaction(async (session) => {
      const places = await readPlaces(session);
      const present = live(places);
      const isKnown = await isApplied(key, session);
      isNew = !isKnown && !isOrderOvertaken(present, key, baseOrder);
      ids = isNew ? newOrder(present, wanted) : present;
      if (isNew) await storeOrder(places, ids, session);
      // After the order: on a server without transactions a cut between the two must not lose it.
      if (!isKnown) await rememberRequest(key, session);
    });
    resolveReorder(ids, key, isNew);
    const reordered = { type: 'workspace.reordered', workspace_ids: ids } as const;
    return {
      reply: { type: 'workspace.reorder_confirm', workspace_ids: ids },
      ...(isNew ? { toOthers: reordered } : { replayToOthers: reordered }),
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

async function isApplied(key: string | undefined, session?: ClientSession): Promise<boolean> {
  if (!key) return false;
  return (await TimelineState.exists({ _id: 'timeline', applied: key }).session(session ?? null)) !== null;
}

async function rememberRequest(key: string | undefined, session?: ClientSession): Promise<void> {
  // Written also without a request_id, so that two reorders at once conflict in the database and one of them waits.
  const push = { applied: { $each: key ? [key] : [], $slice: -keysKept } };
  await TimelineState.updateOne({ _id: 'timeline' }, { $push: push }, { upsert: true, session });
}
