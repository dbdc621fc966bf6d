import { z } from 'zod';
import { batch, batchChoices, batchPreview } from '../contract/batch';
import { objectId, requestId } from '../contract/ids';
import { previewBatch, startBatch } from '../batches/start';
import { defineEndpoint, Reply } from '../utils/endpoint';
import { AppError } from '../utils/errors';

/** Generates many shots of a film, or says what that would do. */
export const generateBatch = defineEndpoint({
  method: 'post',
  path: '/api/generate/batch',
  summary:
    'Generates many shots of a film: those that changed, failed, all, or the given ones. The server runs it to its end, and sends each shot as it is stored when its turn comes. With `dry_run` nothing is started: what is ready, what is blocked and why, and what it costs.',
  body: z.strictObject({
    film_id: objectId.optional(),
    workspace_ids: z.array(objectId).optional(),
    only: z.enum(batchChoices).optional(),
    dry_run: z.boolean().optional(),
    skip_blocked: z.boolean().optional(),
    accept_over_limit: z.boolean().optional(),
    accept_unknown_price: z.boolean().optional(),
    request_id: requestId.optional(),
  }),
  reply: z.union([z.strictObject({ batch }), batchPreview]),
  status: 202,
  otherStatus: 200,
  errors: [
    'INVALID_INPUT',
    'FILM_NOT_FOUND',
    'WORKSPACE_NOT_FOUND',
    'BATCH_BLOCKED',
    'NOTHING_TO_GENERATE',
    'DATABASE_UNAVAILABLE',
    'BUSY',
  ],
  async handle({ body }) {
    if (body.workspace_ids && body.only) throw namedTwice();
    const wanted = {
      filmId: body.film_id,
      workspaceIds: body.workspace_ids,
      only: body.only ?? 'changed',
      acceptOverLimit: body.accept_over_limit ?? false,
      acceptUnknownPrice: body.accept_unknown_price ?? false,
    };
    if (body.dry_run) return new Reply(200, await previewBatch(wanted));
    const press = { ...wanted, skipBlocked: body.skip_blocked ?? false, requestId: body.request_id };
    return { batch: await startBatch(press) };
  },
});

const namedTwice = (): AppError =>
  new AppError('INVALID_INPUT', 'Both workspace_ids and only say which shots are meant; send one of them.', {
    details: [{ path: 'only', message: 'must be left out beside workspace_ids', rule: 'wrong_form' }],
  });
