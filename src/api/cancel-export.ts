import { z } from 'zod';
import { filmExport } from '../contract/export';
import { objectId } from '../contract/ids';
import { cancelExport as cancel } from '../film/export-film';
import { defineEndpoint } from '../utils/endpoint';

/** Cancels an export that waits or runs. */
export const cancelExport = defineEndpoint({
  method: 'post',
  path: '/api/export/cancel',
  summary: 'Cancels an export that waits or runs, and removes what it has written.',
  body: z.strictObject({ export_id: objectId }),
  reply: z.strictObject({ export: filmExport }),
  errors: ['EXPORT_NOT_FOUND', 'NOT_EXPORTING', 'DATABASE_UNAVAILABLE'],
  handle: async ({ body }) => ({ export: await cancel(body.export_id) }),
});
