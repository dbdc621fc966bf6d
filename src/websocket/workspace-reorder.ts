import { z } from 'zod';
import { clientMessage } from '../contract/messages';
import { inTransaction } from '../db/mongodb';
import { isReorderApplied, live, readPlaces, rememberReorder, storeOrder } from '../db/order';
import { isOrderOvertaken, resolveReorder } from '../db/repetitions';
import { defineMessage } from '../utils/message';

/** Stores a new order of the whole timeline; workspaces in the trash keep their places. */
export const workspaceReorder = defineMessage({
  type: 'workspace.reorder',
  summary:
    'Puts the workspaces into the given order; those that are not named follow in their present order. With `base_order`, the ids that its author saw, a repetition is confirmed with the stored order if that has changed since.',
  input: clientMessage('workspace.reorder', {
    workspace_ids: z.array(z.string()),
    base_order: z.array(z.string()).optional(),
  }),
  reply: 'workspace.reorder_confirm',
  // Edits wait, since each would restart the transaction.
  queues: ['each-of-workspace_ids', 'order'],
  async handle({ workspace_ids: wanted, base_order: baseOrder }, { key }) {
    let ids: string[] = [];
    let isNew = true;
    await inTransaction(async (session) => {
      const places = await readPlaces(session);
      const present = live(places);
      const isKnown = await isReorderApplied(key, session);
      isNew = !isKnown && !isOrderOvertaken(present, key, baseOrder);
      ids = isNew ? newOrder(present, wanted) : present;
      if (isNew) await storeOrder(places, ids, session);
      // After the order, so that a crash between the two does not lose it on a server without transactions.
      if (!isKnown) await rememberReorder(key, session);
    });
    resolveReorder(ids, key, isNew);
    const reordered = { type: 'workspace.reordered', workspace_ids: ids } as const;
    return {
      reply: { type: 'workspace.reorder_confirm', workspace_ids: ids },
      ...(isNew ? { toOthers: reordered } : { replayToOthers: reordered }),
    };
  },
});

function newOrder(present: string[], wanted: string[]): string[] {
  const known = new Set(present);
  const named = [...new Set(wanted)].filter((id) => known.has(id));
  const isNamed = new Set(named);
  return [...named, ...present.filter((id) => !isNamed.has(id))];
}
