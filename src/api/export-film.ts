import { z } from 'zod';
import { exportOptions, filmExport } from '../contract/export';
import { objectId, requestId } from '../contract/ids';
import { exportFilm as requestExport } from '../film/export-film';
import { defineEndpoint } from '../utils/endpoint';

/** Puts the finished film of a film in the queue. */
export const exportFilm = defineEndpoint({
  method: 'post',
  path: '/api/export/film',
  summary:
    'Renders a film as one MP4, in the background. The same film and options that wait, run, or are completed and not out of date are answered at once.',
  body: z.strictObject({
    film_id: objectId.optional(),
    options: exportOptions.partial().optional(),
    request_id: requestId.optional(),
  }),
  reply: z.strictObject({ export: filmExport }),
  status: 202,
  errors: [
    'FILM_NOT_FOUND',
    'NOTHING_TO_EXPORT',
    'CLIP_MISSING',
    'PROVIDER_NOT_CONFIGURED',
    'DISK_FULL',
    'DATABASE_UNAVAILABLE',
  ],
  handle: async ({ body }) => ({
    export: await requestExport({ filmId: body.film_id, given: body.options ?? {}, requestId: body.request_id }),
  }),
});
