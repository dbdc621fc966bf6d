import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { mongo } from 'mongoose';
import { z } from 'zod';
import { objectId } from '../contract/ids';
import { workspace } from '../contract/workspace';
import { defaultFilm, findFilm } from '../db/find-films';
import type { StoredFilm } from '../db/film';
import { storedTimeline } from '../db/find-workspaces';
import { lastWriteTime } from '../db/mongodb';
import { BoundedMap } from '../utils/bounded-map';
import { defineEndpoint, JsonText } from '../utils/endpoint';
import { logger } from '../utils/logger';
import { createSharedWork } from '../utils/queue';

/** How long building the list may block the event loop at a time. */
const maxBlockMs = 20;
/** Below this size, reading the list is as fast as asking whether anything was written. */
const smallBytes = 64 * 1024;

/** How many films have their list in memory. */
const listsKept = 8;

/** The JSON of each workspace, by the hash of its stored bytes; each row is a slice of the list. */
type Rows = Map<string, Buffer>;

/** The list of a film, valid until the database writes something after `at`. */
type List = { at: string | null; list: JsonText; rows: Rows };

/** By film, those read last. */
const lists = new BoundedMap<string, List>(listsKept);
/** By film, the building of its list for all who ask. */
const builds = new BoundedMap<string, () => Promise<JsonText>>(listsKept);
/** The film that was the default one at the last look. */
let lastDefault: string | null = null;

/** The workspaces of a film in order; a document that violates the contract is skipped and logged. */
export const getWorkspaces = defineEndpoint({
  method: 'get',
  path: '/api/workspaces',
  summary:
    'Lists the workspaces of a film, or else of the default one, that are not in the trash, by order_index. Answers 304 when the ETag still matches.',
  query: z.object({ film_id: objectId.optional() }),
  reply: z.strictObject({ workspaces: z.array(workspace) }),
  errors: ['FILM_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  async handle({ query: { film_id: filmId } }) {
    const known = lists.get(filmId ?? lastDefault ?? '');
    if (!known || isSmall(known)) return filmId === undefined ? buildDefault() : buildFilm(filmId);
    const now = (await lastWriteTime())?.toBigInt();
    if (now !== undefined && known.at === String(now)) return known.list;
    return filmId === undefined ? buildDefault() : buildFilm(filmId);
  },
});

const isSmall = ({ list }: List): boolean => list.text.length <= smallBytes;

async function buildDefault(): Promise<JsonText> {
  const guess = lastDefault;
  const list = guess === null ? null : await buildBeside(guess, defaultFilm);
  const filmId = String((list?.film ?? (await defaultFilm()))._id);
  lastDefault = filmId;
  return list && guess === filmId ? list.text : build(filmId);
}

async function buildFilm(filmId: string): Promise<JsonText> {
  try {
    return (await buildBeside(filmId, () => findFilm(filmId))).text;
  } catch (error) {
    lists.delete(filmId);
    throw error;
  }
}

/** Builds a list, and asks for the film. */
async function buildBeside(filmId: string, ask: () => Promise<StoredFilm>) {
  const text = build(filmId);
  const known = lists.get(filmId);
  // A small list is never answered from memory, so both may take one round trip; a large one must not be newer than the film.
  if (!known || !isSmall(known)) await text;
  const [film, built] = await Promise.all([ask(), text]);
  return { film, text: built };
}

function build(filmId: string): Promise<JsonText> {
  const known = builds.get(filmId);
  if (known) return known();
  const buildOnce = createSharedWork(() => buildList(filmId));
  builds.set(filmId, buildOnce);
  return buildOnce();
}

async function buildList(filmId: string): Promise<JsonText> {
  const { documents, at } = await storedTimeline(filmId);
  const rows = await toRows(documents, lists.get(filmId)?.rows ?? new Map<string, Buffer>());
  const parts = [...rows.values()].flatMap((row, index) => (index > 0 ? [comma, row] : [row]));
  const text = Buffer.concat([head, ...parts, tail]);
  const list = new JsonText(text, [filmId, ...rows.keys()].join());
  // The rows are slices of the list, so that nothing is held in memory twice.
  lists.set(filmId, { at, list, rows: rowsIn(text, rows) });
  return list;
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
