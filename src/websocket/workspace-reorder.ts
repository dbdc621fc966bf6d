import { z } from 'zod';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { inTransaction } from '../db/mongodb';
import { isReorderApplied, idsOnTimeline, readPositions, rememberReorder, storeOrder } from '../db/order';
import { isOrderOvertaken, resolveReorder } from '../db/repetitions';
import { defineMessage } from '../utils/message';

/** Stores a new order of a film; workspaces in the trash keep their positions. */
export const workspaceReorder = defineMessage({
  type: 'workspace.reorder',
  summary:
    'Puts the workspaces of a film into the given order; those that are not named follow in their present order. With `base_order`, the ids that its sender saw, a repetition is confirmed with the stored order if that has changed since.',
  input: clientMessage('workspace.reorder', {
    workspace_ids: z.array(z.string()),
    film_id: objectId.optional(),
    base_order: z.array(z.string()).optional(),
  }),
  reply: 'workspace.reorder_confirm',
  // Edits of these workspaces wait too, since each would restart the transaction.
  queues: ['each-of-workspace_ids', 'order'],
  async handle({ workspace_ids: wanted, film_id: wantedFilm, base_order: baseOrder }, { key, filmId: ownFilm }) {
    const filmId = wantedFilm ?? ownFilm;
    const sent = { documentId: filmId, key };
    let ids: string[] = [];
    let isNew = true;
    await inTransaction(async (session) => {
      const positions = await readPositions(filmId, session);
      const present = idsOnTimeline(positions);
      const isKnown = await isReorderApplied(filmId, key, session);
      isNew = !isKnown && !isOrderOvertaken(sent, present, baseOrder);
      ids = isNew ? newOrder(present, wanted) : present;
      if (isNew) await storeOrder(positions, ids, session);
      // After the order, so that a crash between the two does not lose it on a server without transactions.
      if (!isKnown) await rememberReorder(filmId, key, session);
    });
    resolveReorder(sent, ids, isNew);
    const reordered = { type: 'workspace.reordered', workspace_ids: ids } as const;
    return {
      reply: { type: 'workspace.reorder_confirm', workspace_ids: ids },
      filmId,
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
