import { mongo } from 'mongoose';
import { z } from 'zod';
import { clientMessage, emptyForm, formData, imagePath, imageUrl, objectId } from '../contract';
import { toChanges, toWire, Workspace, type StoredWorkspace } from '../db/mongodb';
import { defineMessage } from '../utils/define';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';

const data = z.strictObject({
  image_path: imagePath.nullable().optional(),
  image_url: imageUrl.nullable().optional(),
  form_data: formData.partial().optional(),
});

const duplicateKey = 11000;

/** Appends a workspace at the end; the same id or request_id again is answered with what is stored. */
export const workspaceCreate = defineMessage({
  type: 'workspace.create',
  summary:
    'Appends a workspace. With an id or request_id that was used before, answers with the stored one, unchanged.',
  input: clientMessage('workspace.create', { workspace_id: objectId.optional(), data: data.optional() }),
  answer: 'workspace.created',
  queues: ['workspace', 'order'],
  async handle({ workspace_id: workspaceId, request_id: requestId, data: { form_data, ...image } = {} }) {
    const last = await Workspace.findOne({}, { order_index: 1 }).sort({ order_index: -1 }).lean();
    try {
      const created = await Workspace.create({
        ...(workspaceId && { _id: workspaceId }),
        ...toChanges(image),
        order_index: last ? last.order_index + 1 : 0,
        form_data: { ...emptyForm, ...form_data },
        created_by: requestId,
      });
      const workspace = toWire(created.toObject<StoredWorkspace>());
      logger.info('workspace created', { workspace_id: workspace._id });
      const message = { type: 'workspace.created', workspace } as const;
      return { answer: message, others: message };
    } catch (error) {
      if (!(error instanceof mongo.MongoServerError) || error.code !== duplicateKey) throw error;
      return { answer: { type: 'workspace.created', workspace: toWire(await findCreated(workspaceId, requestId)) } };
    }
  },
});

async function findCreated(workspaceId: string | undefined, requestId: string | undefined): Promise<StoredWorkspace> {
  const byRequest = requestId && (await Workspace.findOne({ created_by: requestId }).lean<StoredWorkspace>());
  const stored = byRequest || (await Workspace.findOne({ _id: workspaceId }).lean<StoredWorkspace>());
  if (!stored)
    throw new AppError('BUSY', 'The workspace is being created or removed right now; send the message again.');
  if (stored.deleted_at) {
    const message = 'This workspace is in the trash; send workspace.restore, or create another one.';
    throw new AppError('INVALID_INPUT', message, { details: [{ path: 'workspace_id', message: 'is in the trash' }] });
  }
  return stored;
}
