import { z } from 'zod';
import { filmExport } from '../contract/export';
import { objectId } from '../contract/ids';
import { filmIdOr } from '../db/find-films';
import { listExports } from '../film/export-film';
import { defineEndpoint } from '../utils/endpoint';

/** The finished films of a film, and those that are being made. */
export const getExports = defineEndpoint({
  method: 'get',
  path: '/api/exports',
  summary: 'Lists the exports of a film, newest first: the last 20 that have ended, and those that wait or run.',
  query: z.object({ film_id: objectId.optional() }),
  reply: z.strictObject({ exports: z.array(filmExport) }),
  errors: ['INVALID_INPUT', 'FILM_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  handle: async ({ query }) => ({ exports: await listExports(await filmIdOr(query.film_id)) }),
});
