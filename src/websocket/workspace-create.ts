import { mongo } from 'mongoose';
import { z } from 'zod';
import { emptyForm, formData } from '../contract/form';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { imagePath, imageUrl } from '../contract/workspace';
import { readOrder } from '../db/find-workspaces';
import { inTransaction } from '../db/mongodb';
import { live, readPlaces, rememberReorder, storeOrder } from '../db/order';
import { noteCreated, resolveReorder } from '../db/repetitions';
import { toChanges } from '../db/changes';
import { TimelineState } from '../db/timeline-state';
import { toWire, Workspace, type StoredWorkspace, workspaceNotFound } from '../db/workspace';
import { isOnlyServer } from '../db/servers';
import { defineMessage } from '../utils/message';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { ownStamp } from '../utils/process-id';

const data = z.strictObject({
  image_path: imagePath.nullable().optional(),
  image_url: imageUrl.nullable().optional(),
  form_data: formData.partial().optional(),
});

const duplicateKey = 11000;

/** Creates a workspace, last or before another one; a repeated id, or else a repeated request_id, gets the stored workspace. */
export const workspaceCreate = defineMessage({
  type: 'workspace.create',
  summary:
    'Creates a workspace, before the one with `before_id` or at the end. For an id, or else a request_id, that was used before, replies with the stored workspace, unchanged.',
  input: clientMessage('workspace.create', {
    workspace_id: objectId.optional(),
    before_id: objectId.optional(),
    data: data.optional(),
  }),
  reply: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId, request_id: requestId, before_id: beforeId, data: wanted = {} }) {
    const { form_data, ...image } = wanted;
    const document = {
      ...(workspaceId && { _id: workspaceId }),
      ...toChanges(image),
      form_data: { ...emptyForm, ...form_data },
      // An id chosen by the client already identifies a repetition.
      ...(!workspaceId && { created_by: requestId }),
      stored_by: ownStamp(),
    };
    try {
      const isPlaced = beforeId !== undefined && (await Workspace.exists({ _id: beforeId, deleted_at: null })) !== null;
      const { stored, order } = isPlaced ? await createBefore(beforeId, document) : await createLast(document);
      noteCreated(stored);
      const workspace = toWire(stored);
      logger.info('workspace created', { workspace_id: workspace._id });
      const message = { type: 'workspace.created', workspace } as const;
      return { reply: message, toOthers: message, ...(order && { toAllAfter: reordered(order) }) };
    } catch (error) {
      if (!(error instanceof mongo.MongoServerError) || error.code !== duplicateKey) throw error;
      const stored = await findCreated(workspaceId, requestId);
      const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
      return { reply: message, replayToOthers: message, ...(beforeId && { toAllAfter: reordered(await readOrder()) }) };
    }
  },
});

const reordered = (ids: string[]) => ({ type: 'workspace.reordered', workspace_ids: ids }) as const;

/** `order` only where others had to move. */
type Created = { stored: StoredWorkspace; order?: string[] };

async function createLast(document: object): Promise<Created> {
  const created = await Workspace.create({ ...document, order_index: await nextPlace() });
  return { stored: created.toObject<StoredWorkspace>() };
}

/** Creates it in one transaction; last if the other workspace is gone by then. */
async function createBefore(beforeId: string, document: object): Promise<Created> {
  let stored: StoredWorkspace | null = null;
  let order: string[] = [];
  await inTransaction(async (session) => {
    const places = await readPlaces(session);
    const last = { order_index: (places.at(-1)?.order_index ?? -1) + 1 };
    const [created] = await Workspace.create([{ ...document, ...last }], { session });
    const id = String(created!._id);
    const ids = live(places).flatMap((other) => (other === beforeId ? [id, other] : [other]));
    order = ids.includes(id) ? ids : [...ids, id];
    await storeOrder([...places, { id, ...last, isDeleted: false }], order, session);
    await rememberReorder(undefined, session);
    stored = await Workspace.findById(id, null, { session }).lean<StoredWorkspace>();
  });
  resolveReorder(order, undefined, true);
  return { stored: stored!, order };
}

/** The place after all others, which no other server gets. */
async function nextPlace(): Promise<number> {
  const last = await Workspace.findOne({}, { order_index: 1 }).sort({ order_index: -1 }).lean();
  const next = (last?.order_index ?? -1) + 1;
  if (isOnlyServer()) return next;
  const place = { $max: [{ $add: [{ $ifNull: ['$last_place', -1] }, 1] }, next] };
  const options = { upsert: true, returnDocument: 'after', updatePipeline: true } as const;
  const { last_place: given } = await TimelineState.findOneAndUpdate(
    { _id: 'timeline' },
    [{ $set: { last_place: place } }],
    options,
  ).lean();
  return given ?? next;
}

async function findCreated(workspaceId: string | undefined, requestId: string | undefined): Promise<StoredWorkspace> {
  const wanted = workspaceId ? { _id: workspaceId } : { created_by: requestId };
  const stored = await Workspace.findOne(wanted).lean<StoredWorkspace>();
  if (!stored)
    throw new AppError('BUSY', 'The workspace is being created or removed right now; send the message again.');
  if (stored.deleted_at) throw workspaceNotFound();
  return stored;
}
