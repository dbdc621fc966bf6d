import { z } from 'zod';
import { objectId } from '../contract/ids';
import { video } from '../contract/video';
import { cancelVideo } from '../generation/cancel';
import { defineEndpoint } from '../utils/endpoint';

/** Cancels the running generation of a workspace. */
export const generateCancel = defineEndpoint({
  method: 'post',
  path: '/api/generate/cancel',
  summary:
    'Cancels the running generation, and the task at its provider if that supports it, repeatedly until it confirms.',
  body: z.strictObject({ workspace_id: objectId, attempt_id: z.string().min(1).max(100).optional() }),
  reply: z.strictObject({ workspace_id: objectId, video }),
  errors: ['WORKSPACE_NOT_FOUND', 'NOT_GENERATING', 'DATABASE_UNAVAILABLE', 'BUSY'],
  handle: ({ body }) => cancelVideo(body.workspace_id, body.attempt_id),
});
