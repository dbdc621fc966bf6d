import { z } from 'zod';
import { cancelBatch, cancelShot } from '../batches/cancel';
import { batch } from '../contract/batch';
import { objectId } from '../contract/ids';
import { video } from '../contract/video';
import { defineEndpoint } from '../utils/endpoint';
import { AppError } from '../utils/errors';

/** Cancels the running generation of a workspace, or what a batch has not sent. */
export const generateCancel = defineEndpoint({
  method: 'post',
  path: '/api/generate/cancel',
  summary:
    'Cancels the running generation of a workspace, and the task at its provider if that supports it, repeatedly until it confirms; or takes a waiting workspace out of its batch; or ends a batch, whose sent shots go on.',
  body: z.strictObject({
    workspace_id: objectId.optional(),
    attempt_id: z.string().min(1).max(100).optional(),
    batch_id: objectId.optional(),
  }),
  reply: z.union([z.strictObject({ workspace_id: objectId, video }), z.strictObject({ batch })]),
  errors: ['INVALID_INPUT', 'WORKSPACE_NOT_FOUND', 'BATCH_NOT_FOUND', 'NOT_GENERATING', 'DATABASE_UNAVAILABLE', 'BUSY'],
  async handle({ body: { workspace_id, attempt_id, batch_id } }) {
    if (workspace_id !== undefined && batch_id === undefined) return cancelShot(workspace_id, attempt_id);
    if (batch_id !== undefined && workspace_id === undefined && attempt_id === undefined)
      return { batch: await cancelBatch(batch_id) };
    throw notOne();
  },
});

const notOne = (): AppError =>
  new AppError('INVALID_INPUT', 'Send either workspace_id or batch_id.', {
    details: [{ path: 'workspace_id', message: 'must be there, or batch_id in its place', rule: 'required' }],
  });
