import type { Request } from 'express';
import { z } from 'zod';
import { formData } from '../contract/form';
import { objectId, requestId } from '../contract/ids';
import { video } from '../contract/video';
import { imagePath } from '../contract/workspace';
import { requestVideo } from '../generation/request';
import { defineEndpoint } from '../utils/endpoint';
import { AppError } from '../utils/errors';
import { parseInput } from '../utils/parse';

/** The form that the user saw; clients of 1.0.0 know neither models nor what a clip starts from and ends on. */
const seenForm = formData.partial({
  provider: true,
  model: true,
  resolution: true,
  audio: true,
  start: true,
  end: true,
});
const seen = z.strictObject({
  form_data: seenForm,
  image_path: imagePath.nullable(),
  end_image_path: imagePath.nullable().optional(),
});

/** Starts one paid generation, once for each request_id. */
export const generateVideo = defineEndpoint({
  method: 'post',
  path: '/api/generate/video',
  summary: 'Generates the video of a workspace; its progress and result come as `video.status_update` messages.',
  body: z.strictObject({
    workspace_id: objectId,
    provider: z.string().min(1).max(50).optional(),
    request_id: requestId.optional(),
    accept_second_charge: z.boolean().optional(),
    accept_over_limit: z.boolean().optional(),
    accept_unknown_price: z.boolean().optional(),
    expects: seen.optional(),
  }),
  reply: z.strictObject({ workspace_id: objectId, task_id: z.string().nullable(), video }),
  status: 202,
  errors: [
    'INVALID_INPUT',
    'WORKSPACE_NOT_FOUND',
    'NOT_FOUND',
    'VIDEO_IN_PROGRESS',
    'IMAGE_MISSING',
    'PREVIOUS_CLIP_MISSING',
    'NEXT_IMAGE_MISSING',
    'SECOND_CHARGE_POSSIBLE',
    'FORM_CHANGED',
    'SPEND_LIMIT_REACHED',
    'PRICE_UNKNOWN',
    'IMAGE_UNREADABLE',
    'CONTENT_REFUSED',
    'PROVIDER_NOT_CONFIGURED',
    'PROVIDER_AUTH',
    'PROVIDER_QUOTA',
    'PROVIDER_RATE_LIMITED',
    'PROVIDER_FAILED',
    'PROVIDER_BAD_REPLY',
    'PROVIDER_TIMEOUT',
    'SUBMIT_UNKNOWN',
    'DATABASE_UNAVAILABLE',
    'BUSY',
  ],
  handle: ({ body, request }) =>
    requestVideo({
      workspaceId: body.workspace_id,
      provider: body.provider,
      requestId: singleKey(body.request_id, readKey(request)),
      acceptSecondCharge: body.accept_second_charge ?? false,
      acceptOverLimit: body.accept_over_limit ?? false,
      acceptUnknownPrice: body.accept_unknown_price ?? false,
      expects: body.expects,
    }),
});

/** The `Idempotency-Key` header, bare or quoted like a structured field. */
function readKey(request: Request): string | undefined {
  const header = request.get('Idempotency-Key');
  return header === undefined ? undefined : parseInput(requestId, header.replace(/^"(.*)"$/, '$1'), 'Idempotency-Key');
}

function singleKey(fromBody: string | undefined, fromHeader: string | undefined): string | undefined {
  if (fromBody !== undefined && fromHeader !== undefined && fromBody !== fromHeader) {
    const details = [{ path: 'request_id', message: 'differs from the Idempotency-Key' }];
    throw new AppError('INVALID_INPUT', 'The request_id and the Idempotency-Key differ; send one of them.', {
      details,
    });
  }
  return fromBody ?? fromHeader;
}
