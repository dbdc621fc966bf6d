import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { mongo } from 'mongoose';
import { z } from 'zod';
import { workspace } from '../contract/workspace';
import { storedTimeline } from '../db/find-workspaces';
import { lastWriteTime } from '../db/mongodb';
import { defineEndpoint, JsonText } from '../utils/endpoint';
import { logger } from '../utils/logger';
import { createSharedWork } from '../utils/queue';

/** How long building the list may block the event loop at a time. */
const maxBlockMs = 20;
/** Below this size, reading the list is as fast as asking whether anything was written. */
const smallBytes = 64 * 1024;

/** The JSON of each workspace, by the hash of its stored bytes; each row is a slice of the last list. */
type Rows = Map<string, Buffer>;

/** The last list, valid until the database writes something after `at`. */
let last: { at: string; list: JsonText; rows: Rows } | null = null;
const buildOnce = createSharedWork(buildList);

/** The whole timeline in order; a document that violates the contract is skipped and logged. */
export const getWorkspaces = defineEndpoint({
  method: 'get',
  path: '/api/workspaces',
  summary: 'Lists every workspace that is not in the trash, by order_index. Answers 304 when the ETag still matches.',
  reply: z.strictObject({ workspaces: z.array(workspace) }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    if (last && last.list.text.length <= smallBytes) return buildOnce();
    const now = (await lastWriteTime())?.toBigInt();
    if (now !== undefined && last?.at === String(now)) return last.list;
    return buildOnce();
  },
});

async function buildList(): Promise<JsonText> {
  const { documents, at } = await storedTimeline();
  const rows = await toRows(documents, last?.rows ?? new Map<string, Buffer>());
  const parts = [...rows.values()].flatMap((row, index) => (index > 0 ? [comma, row] : [row]));
  const list = Buffer.concat([head, ...parts, tail]);
  const built = new JsonText(list, [...rows.keys()].join());
  // The rows are slices of the list, so that nothing is held in memory twice.
  last = at === null ? null : { at, list: built, rows: rowsIn(list, rows) };
  return built;
}

const [head, comma, tail] = ['{"workspaces":[', ',', ']}'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

/** The same rows as slices of the list. */
function rowsIn(list: Buffer, rows: Rows): Rows {
  let start = head.length;
  const placed = [...rows].map(([hash, { length }]): [string, Buffer] => {
    const row = list.subarray(start, start + length);
    start += length + comma.length;
    return [hash, row];
  });
  return new Map(placed);
}

/** The rows of the documents; those in `known` are already decoded and checked. */
async function toRows(documents: Buffer[], known: Rows): Promise<Rows> {
  const rows: Rows = new Map();
  let yieldedAtMs = performance.now();
  for (const document of documents) {
    const hash = createHash('sha1').update(document).digest('base64');
    const row = known.get(hash) ?? toRow(document);
    if (row) rows.set(hash, row);
    if (performance.now() - yieldedAtMs < maxBlockMs) continue;
    await setImmediate();
    yieldedAtMs = performance.now();
  }
  return rows;
}

function toRow(document: Buffer): Buffer | null {
  const stored = mongo.BSON.deserialize(document);
  const text = JSON.stringify(stored);
  const { success, error } = workspace.safeParse(JSON.parse(text));
  if (success) return Buffer.from(text);
  logger.warn('invalid stored workspace skipped', { workspace_id: String(stored._id), error });
  return null;
}
