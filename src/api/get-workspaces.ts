import { mongo } from 'mongoose';
import { z } from 'zod';
import { workspace } from '../contract';
import { lastWriteTime, storedTimeline } from '../db/mongodb';
import { defineEndpoint, JsonText } from '../utils/define';
import { logger } from '../utils/logger';

/** The last list, valid as long as the database has written nothing since `at`. */
let last: { at: string; list: JsonText; rows: Map<string, string> } | null = null;

/** The whole timeline in its order; a document that does not fit the contract is left out and logged. */
export const getWorkspaces = defineEndpoint({
  method: 'get',
  path: '/api/workspaces',
  summary: 'Lists every workspace that is not in the trash, by order_index. Answers 304 when the ETag still matches.',
  reply: z.strictObject({ workspaces: z.array(workspace) }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    const now = (await lastWriteTime())?.toBigInt();
    if (now !== undefined && last?.at === String(now)) return last.list;

    const { documents, at } = await storedTimeline();
    const rows = toRows(documents, last?.rows ?? new Map<string, string>());
    const list = new JsonText(Buffer.from(`{"workspaces":[${[...rows.values()].join(',')}]}`));
    last = at === null ? null : { at, list, rows };
    return list;
  },
});

/** The JSON of each workspace by the bytes that are stored of it; what stands in `known` was decoded and checked before. */
function toRows(documents: Buffer[], known: Map<string, string>): Map<string, string> {
  const rows = new Map<string, string>();
  for (const document of documents) {
    const bytes = document.toString('latin1');
    const text = known.get(bytes) ?? toText(document);
    if (text) rows.set(bytes, text);
  }
  return rows;
}

function toText(document: Buffer): string | null {
  const stored = mongo.BSON.deserialize(document);
  const text = JSON.stringify(stored);
  const { success, error } = workspace.safeParse(JSON.parse(text));
  if (success) return text;
  logger.warn('stored workspace does not fit and is left out', { workspace_id: String(stored._id), error });
  return null;
}
