import { mongo } from 'mongoose';
import { z } from 'zod';
import { clientMessage, emptyForm, formData, imagePath, imageUrl, objectId } from '../contract';
import { noteCreated } from '../db/repetitions';
import { toChanges } from '../db/changes';
import { TimelineState } from '../db/timeline-state';
import { toWire, Workspace, type StoredWorkspace } from '../db/workspace';
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

/** Appends a workspace; a repeated id, or else a repeated request_id, gets the stored workspace. */
export const workspaceCreate = defineMessage({
  type: 'workspace.create',
  summary:
    'Appends a workspace. For an id, or else a request_id, that was used before, replies with the stored workspace, unchanged.',
  input: clientMessage('workspace.create', { workspace_id: objectId.optional(), data: data.optional() }),
  reply: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId, request_id: requestId, data: { form_data, ...image } = {} }) {
    const order_index = await nextPlace();
    try {
      const created = await Workspace.create({
        ...(workspaceId && { _id: workspaceId }),
        ...toChanges(image),
        order_index,
        form_data: { ...emptyForm, ...form_data },
        // An id chosen by the client already identifies a repetition.
        ...(!workspaceId && { created_by: requestId }),
        stored_by: ownStamp(),
      });
      const stored = created.toObject<StoredWorkspace>();
      noteCreated(stored);
      const workspace = toWire(stored);
      logger.info('workspace created', { workspace_id: workspace._id });
      const message = { type: 'workspace.created', workspace } as const;
      return { reply: message, toOthers: message };
    } catch (error) {
      if (!(error instanceof mongo.MongoServerError) || error.code !== duplicateKey) throw error;
      const stored = await findCreated(workspaceId, requestId);
      const message = { type: 'workspace.created', workspace: toWire(stored) } as const;
      return { reply: message, replayToOthers: message };
    }
  },
});

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
  if (stored.deleted_at) {
    const message = 'This workspace is in the trash; send workspace.restore, or create another one.';
    throw new AppError('INVALID_INPUT', message, { details: [{ path: 'workspace_id', message: 'is in the trash' }] });
  }
  return stored;
}
