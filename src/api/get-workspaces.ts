import { createHash } from 'node:crypto';
import { z } from 'zod';
import { workspace } from '../contract';
import { lastWriteTime, publicFields, Workspace } from '../db/mongodb';
import { defineEndpoint, JsonText } from '../utils/define';
import { logger } from '../utils/logger';

/** The last list, valid as long as the database has written nothing since. */
let last: { at: string; list: JsonText; rows: Map<string, string> } | null = null;

/** The whole timeline in its order; a document that does not fit the contract is left out and logged. */
export const getWorkspaces = defineEndpoint({
  method: 'get',
  path: '/api/workspaces',
  summary: 'Lists every workspace that is not in the trash, by order_index. Answers 304 when the ETag still matches.',
  reply: z.strictObject({ workspaces: z.array(workspace) }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    // Asked before the rows are read: a write in between makes this list look older than it is, never newer.
    const at = await lastWriteTime();
    if (at !== null && last?.at === at) return last.list;

    const rows = await readRows(last?.rows ?? new Map<string, string>());
    const text = `{"workspaces":[${[...rows.values()].join(',')}]}`;
    const list = new JsonText(text, `W/"${createHash('sha1').update(text).digest('base64url')}"`);
    last = at === null ? null : { at, list, rows };
    return list;
  },
});

/** Each workspace as JSON by its id; one that stands in `known` was checked before. */
async function readRows(known: Map<string, string>): Promise<Map<string, string>> {
  const stored = await Workspace.find({ deleted_at: null }, publicFields).sort({ order_index: 1, _id: 1 }).lean();
  const rows = new Map<string, string>();
  for (const document of stored) {
    const id = String(document._id);
    const text = JSON.stringify(document);
    if (text === known.get(id) || isWhole(id, text)) rows.set(id, text);
  }
  return rows;
}

function isWhole(id: string, text: string): boolean {
  const { success, error } = workspace.safeParse(JSON.parse(text));
  if (!success) logger.warn('stored workspace does not fit and is left out', { workspace_id: id, error });
  return success;
}
