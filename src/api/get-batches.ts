import { z } from 'zod';
import { findBatches } from '../batches/store';
import { batch } from '../contract/batch';
import { objectId } from '../contract/ids';
import { toWireBatch } from '../db/batch';
import { filmIdOr } from '../db/find-films';
import { defineEndpoint } from '../utils/endpoint';

/** The batches of a film. */
export const getBatches = defineEndpoint({
  method: 'get',
  path: '/api/batches',
  summary: 'Lists the newest 20 batches of a film, newest first.',
  query: z.object({ film_id: objectId.optional() }),
  reply: z.strictObject({ batches: z.array(batch) }),
  errors: ['INVALID_INPUT', 'FILM_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  async handle({ query }) {
    const found = await findBatches(await filmIdOr(query.film_id));
    return { batches: found.map(toWireBatch) };
  },
});
