import { z } from 'zod';
import { filmExport } from '../contract/export';
import { objectId } from '../contract/ids';
import { deleteExport as remove } from '../film/export-film';
import { defineEndpoint } from '../utils/endpoint';

/** Deletes an export with its file. */
export const deleteExport = defineEndpoint({
  method: 'post',
  path: '/api/export/delete',
  summary: 'Deletes an export and its file; one that waits or runs is cancelled first.',
  body: z.strictObject({ export_id: objectId }),
  reply: z.strictObject({ export: filmExport }),
  errors: ['EXPORT_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  handle: async ({ body }) => ({ export: await remove(body.export_id) }),
});
