import { z } from 'zod';
import { emptyForm, wholeClip } from '../contract/defaults';
import { formData } from '../contract/form';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { cut, images } from '../contract/workspace';
import { findFilm } from '../db/find-films';
import { Film } from '../db/film';
import { readOrder } from '../db/find-workspaces';
import { inTransaction, isDuplicateKey } from '../db/mongodb';
import { idsOnTimeline, readPositions, rememberReorder, storeOrder } from '../db/order';
import { noteCreated, resolveReorder } from '../db/repetitions';
import { toChanges } from '../db/changes';
import { toWire, Workspace, type StoredWorkspace, workspaceNotFound } from '../db/workspace';
import { isOnlyServer } from '../db/servers';
import { defineMessage } from '../utils/message';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { newWriteId } from '../utils/process-id';

const data = z.strictObject({
  ...images,
  form_data: formData.partial().optional(),
  cut: cut.partial().optional(),
});

/** Creates a workspace, at the end or before another one; a repeated id, or else request_id, gets the stored workspace. */
export const workspaceCreate = defineMessage({
  type: 'workspace.create',
  summary:
    'Creates a workspace in a film, before the one with `before_id` or at the end. For an id, or else a request_id, that was used before, replies with the stored workspace, unchanged.',
  input: clientMessage('workspace.create', {
    workspace_id: objectId.optional(),
    film_id: objectId.optional(),
    before_id: objectId.optional(),
    data: data.optional(),
  }),
  reply: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle(
    { workspace_id: workspaceId, request_id: requestId, film_id: wantedFilm, before_id: beforeId, data: wanted = {} },
    sender,
  ) {
    const filmId = wantedFilm ?? sender.filmId;
    // Together, since creates of a film wait for each other.
    const [film, place] = await Promise.all([findFilm(filmId), findPlace(filmId, beforeId)]);
    const { aspect_ratio } = film.settings;
    const { form_data, cut: wantedCut, ...wantedImages } = wanted;
    const document = {
      ...(workspaceId && { _id: workspaceId }),
      film_id: filmId,
      ...toChanges(wantedImages),
      form_data: { ...emptyForm, aspect_ratio, ...form_data },
      cut: { ...wholeClip, ...wantedCut },
      // An id chosen by the client already identifies a repetition.
      ...(!workspaceId && { created_by: requestId }),
      stored_by: newWriteId(),
    };
    try {
      const { stored, order } =
        'beforeId' in place
          ? await createBefore(place.beforeId, document)
          : await createLast(document, place.order_index);
      noteCreated(stored);
      const workspace = toWire(stored);
      logger.info('workspace created', { workspace_id: workspace._id });
      const message = { type: 'workspace.created', workspace } as const;
      return { reply: message, filmId, toOthers: message, ...(order && { toAllAfter: reordered(order) }) };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      const stored = await findCreated(workspaceId, requestId);
      const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
      const order = beforeId && { toAllAfter: reordered(await readOrder(String(stored.film_id))) };
      return { reply: message, filmId: String(stored.film_id), replayToOthers: message, ...order };
    }
  },
});

const reordered = (ids: string[]) => ({ type: 'workspace.reordered', workspace_ids: ids }) as const;

/** Before the given workspace if that is in the film, else after all others. */
async function findPlace(
  filmId: string,
  beforeId: string | undefined,
): Promise<{ beforeId: string } | { order_index: number }> {
  const isThere = beforeId && (await Workspace.exists({ _id: beforeId, film_id: filmId, deleted_at: null }));
  return isThere ? { beforeId } : { order_index: await nextOrderIndex(filmId) };
}

type NewWorkspace = { film_id: string };
/** `order` is set if others had to move. */
type Created = { stored: StoredWorkspace; order?: string[] };

async function createLast(document: NewWorkspace, order_index: number): Promise<Created> {
  const created = await Workspace.create({ ...document, order_index });
  return { stored: created.toObject<StoredWorkspace>() };
}

/** Creates a workspace before another one, in one transaction; at the end if the other one is gone by then. */
async function createBefore(beforeId: string, document: NewWorkspace): Promise<Created> {
  const filmId = document.film_id;
  let stored: StoredWorkspace | null = null;
  let order: string[] = [];
  await inTransaction(async (session) => {
    const positions = await readPositions(filmId, session);
    const last = { order_index: (positions.at(-1)?.order_index ?? -1) + 1 };
    const [created] = await Workspace.create([{ ...document, ...last }], { session });
    const id = String(created!._id);
    const ids = idsOnTimeline(positions).flatMap((other) => (other === beforeId ? [id, other] : [other]));
    order = ids.includes(id) ? ids : [...ids, id];
    await storeOrder([...positions, { id, ...last, isDeleted: false }], order, session);
    await rememberReorder(filmId, undefined, session);
    stored = await Workspace.findById(id, null, { session }).lean<StoredWorkspace>();
  });
  resolveReorder({ documentId: filmId, key: undefined }, order, true);
  return { stored: stored!, order };
}

/** The order_index after all others of a film, which no other server hands out. */
async function nextOrderIndex(filmId: string): Promise<number> {
  const last = await Workspace.findOne({ film_id: filmId }, { order_index: 1 }).sort({ order_index: -1 }).lean();
  const next = (last?.order_index ?? -1) + 1;
  if (isOnlyServer()) return next;
  const index = { $max: [{ $add: [{ $ifNull: ['$last_order_index', -1] }, 1] }, next] };
  const options = { returnDocument: 'after', updatePipeline: true } as const;
  const film = await Film.findOneAndUpdate({ _id: filmId }, [{ $set: { last_order_index: index } }], options).lean();
  return film?.last_order_index ?? next;
}

async function findCreated(workspaceId: string | undefined, requestId: string | undefined): Promise<StoredWorkspace> {
  const wanted = workspaceId ? { _id: workspaceId } : { created_by: requestId };
  const stored = await Workspace.findOne(wanted).lean<StoredWorkspace>();
  if (!stored)
    throw new AppError('BUSY', 'The workspace is being created or removed right now; send the message again.');
  if (stored.deleted_at) throw workspaceNotFound();
  return stored;
}
