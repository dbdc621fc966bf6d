import { z } from 'zod';
import { objectId, video } from '../contract';
import { cancelVideo } from '../generation/worker';
import { defineEndpoint } from '../utils/define';

/** Ends the running generation of a workspace. */
export const generateCancel = defineEndpoint({
  method: 'post',
  path: '/api/generate/cancel',
  summary: 'Cancels the running generation; the provider is told where its API can cancel.',
  body: z.strictObject({ workspace_id: objectId }),
  reply: z.strictObject({ workspace_id: objectId, video }),
  errors: ['WORKSPACE_NOT_FOUND', 'NOT_GENERATING'],
  handle: ({ body }) => cancelVideo(body.workspace_id),
});
