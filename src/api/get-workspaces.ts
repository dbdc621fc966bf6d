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

/** How long a list may keep everything else waiting at a time, in milliseconds. */
const workAtOnceMs = 20;
/** Reading so few bytes takes no longer than asking whether anything was written. */
const smallBytes = 64 * 1024;

/** The JSON of each workspace, by the hash of the bytes that are stored of it: parts of the list that was sent last. */
type Rows = Map<string, Buffer>;

/** The last list, valid as long as the database has written nothing since `at`. */
let last: { at: string; list: JsonText; rows: Rows } | null = null;
const buildOnce = createSharedWork(buildList);

/** The whole timeline in its order; a document that does not fit the contract is left out and logged. */
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
  // The list holds all that is known: nothing is kept twice.
  last = at === null ? null : { at, list: built, rows: within(list, rows) };
  return built;
}

const [head, comma, tail] = ['{"workspaces":[', ',', ']}'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

/** The same rows as parts of the list. */
function within(list: Buffer, rows: Rows): Rows {
  let start = head.length;
  const placed = [...rows].map(([hash, { length }]): [string, Buffer] => {
    const row = list.subarray(start, start + length);
    start += length + comma.length;
    return [hash, row];
  });
  return new Map(placed);
}

/** What is `known` was decoded and checked before. */
async function toRows(documents: Buffer[], known: Rows): Promise<Rows> {
  const rows: Rows = new Map();
  let restedAtMs = performance.now();
  for (const document of documents) {
    const hash = createHash('sha1').update(document).digest('base64');
    const row = known.get(hash) ?? toRow(document);
    if (row) rows.set(hash, row);
    if (performance.now() - restedAtMs < workAtOnceMs) continue;
    await setImmediate();
    restedAtMs = performance.now();
  }
  return rows;
}

function toRow(document: Buffer): Buffer | null {
  const stored = mongo.BSON.deserialize(document);
  const text = JSON.stringify(stored);
  const { success, error } = workspace.safeParse(JSON.parse(text));
  if (success) return Buffer.from(text);
  logger.warn('stored workspace does not fit and is left out', { workspace_id: String(stored._id), error });
  return null;
}
