import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import type { AiEntry } from '../contract/conversation';
import type { ServerMessage } from '../contract/messages';
import type { FilmChanges } from '../contract/film';
import type { Changes } from '../contract/workspace';
import { tellBatchOf } from '../batches/broadcast';
import { Batch } from '../db/batch';
import { Export } from '../db/export';
import { Film, type StoredFilm } from '../db/film';
import { readOrder } from '../db/find-workspaces';
import { toJson, toWire, Workspace, type StoredWorkspace } from '../db/workspace';
import { broadcastExportOf } from '../film/broadcast';
import { toWireFilmOf } from '../film/overview';
import { onStoredElsewhere } from '../generation/cancel';
import { statusUpdate } from '../generation/store';
import { BoundedMap } from '../utils/bounded-map';
import { logger } from '../utils/logger';
import { isOwnWriteId, versionsOf } from '../utils/process-id';
import { endFilm, endSockets, push } from '../utils/push';
import { runInOrder, runInOrderOf } from './server';

// What other servers store is broadcast to the sockets of this one: MongoDB's change stream shows what was stored, and the
// `stored_by` write id shows which server did it. A single server reads no stream.

const rewatchAfterMs = 1000;
/** The next change is no longer in the oplog. */
const historyLostCodes = [280, 286];
const versionsKept = 20_000;
const arrivesWithinMs = 1000;

type Fields = Record<string, unknown>;
type Event = {
  operationType: string;
  ns: { coll: string };
  documentKey: { _id: mongo.ObjectId };
  fullDocument?: Fields;
  updateDescription?: { updatedFields?: Fields };
};

let stream: mongo.ChangeStream | null = null;
let isStopping = false;
/** The write id of the last reorder that was broadcast. */
let lastOrderWriteId: unknown;
/** By workspace: the last version in the stream, and the last one that changed the video. */
const seen = new BoundedMap<string, { version: number; videoAt: number }>(versionsKept);
const arrivals = new EventEmitter();

/** Starts to broadcast what other servers store, from that database time on, until `stopWatching`. */
export function watchOtherServers(since: mongo.Timestamp | undefined): void {
  if (stream || isStopping) return;
  void watch(since && { startAtOperationTime: since }).catch((error: unknown) =>
    logger.error('changes of other servers are no longer broadcast', { error }),
  );
}

/** Ends the stream. */
export async function stopWatching(): Promise<void> {
  isStopping = true;
  await stream?.close();
}

async function watch(from: mongo.ChangeStreamOptions = {}): Promise<void> {
  let start = from;
  while (!isStopping) {
    stream = mongoose.connection.db!.watch<Fields>(pipeline, start);
    try {
      for await (const event of stream) onEvent(event as unknown as Event);
    } catch (error) {
      if (isStopping) return;
      logger.warn('change stream broke, reopening it', { error });
      const isLost = historyLostCodes.includes(Number((error as { code?: unknown }).code));
      start = isLost || !stream.resumeToken ? {} : { resumeAfter: stream.resumeToken };
      if (isLost) endSockets('changes of another server were missed');
      await sleep(rewatchAfterMs);
    }
  }
}

const writeIdField = 'stored_by';
const pipeline = [
  {
    $match: {
      'ns.coll': { $in: [Workspace, Film, Export, Batch].map(({ collection }) => collection.name) },
      operationType: { $in: ['insert', 'update', 'replace'] },
    },
  },
  {
    $project: {
      operationType: 1,
      ns: 1,
      documentKey: 1,
      'updateDescription.updatedFields': 1,
      [`fullDocument.${writeIdField}`]: 1,
    },
  },
];

function onEvent(event: Event): void {
  if (event.ns.coll === Export.collection.name) onOtherWrite(event, broadcastExportOf);
  else if (event.ns.coll === Batch.collection.name) onOtherWrite(event, tellBatchOf);
  else if (event.ns.coll === Film.collection.name) onFilmEvent(event);
  else onWorkspaceEvent(event);
}

/** Each progress of an export or a batch that another server runs. */
function onOtherWrite(event: Event, tell: (id: string) => Promise<unknown>): void {
  const { documentKey, fullDocument, updateDescription } = event;
  const writeId = updateDescription?.updatedFields?.[writeIdField] ?? fullDocument?.[writeIdField];
  if (writeId !== undefined && !isOwnWriteId(writeId)) void tell(String(documentKey._id)).catch(onMissed);
}

function onFilmEvent(event: Event): void {
  const id = String(event.documentKey._id);
  const fields = event.updateDescription?.updatedFields ?? {};
  if (isOwnWriteId(fields[writeIdField] ?? event.fullDocument?.[writeIdField])) return;
  void runInOrder(id, () => broadcastFilm(event, id, fields).catch(onMissed));
}

/** Broadcasts a change of a workspace in order, after the replies to earlier messages. */
function onWorkspaceEvent(event: Event): void {
  const id = String(event.documentKey._id);
  const fields = event.updateDescription?.updatedFields ?? {};
  const version = fields.version as number | undefined;
  if (version !== undefined) {
    const isOfVideo = Object.keys(fields).some((key) => partOf(key) === 'video');
    seen.set(id, { version, videoAt: isOfVideo ? version : (seen.get(id)?.videoAt ?? 0) });
    arrivals.emit(id);
  }
  if (isOwnWriteId(fields[writeIdField] ?? event.fullDocument?.[writeIdField])) return;
  // Not in order: a create must be stopped before it leaves, without waiting for the messages of this workspace.
  const stopped = fields.deleted_at || fields['job.cancelled_at'] ? onStoredElsewhere(id) : Promise.resolve();
  stopped.catch(() => undefined);
  if ('order_index' in fields) void broadcastOrder(id, fields[writeIdField]).catch(onMissed);
  else void runInOrder(id, () => stopped.then(() => broadcastChange(event, id, fields)).catch(onMissed));
}

function onMissed(error: unknown): void {
  logger.warn('change of another server not broadcast, browsers reload', { error });
  endSockets('a change of another server was missed');
}

async function broadcastFilm({ operationType }: Event, id: string, fields: Fields): Promise<void> {
  const isWhole = operationType !== 'update' || 'deleted_at' in fields;
  const version = fields.version as number | undefined;
  if (!isWhole && version === undefined) return;
  const stored = await Film.findOne({ _id: id, deleted_at: null }).lean<StoredFilm>();
  if (!stored) {
    if (!fields.deleted_at) return;
    push(null, { type: 'film.deleted', film_id: id });
    return endFilm(id);
  }
  if (isWhole || version === undefined) return push(null, { type: 'film.created', film: await toWireFilmOf(stored) });
  for (const at of skippedVersions(fields, version))
    push(null, { type: 'film.updated', film_id: id, version: at, changes: {} });
  const isSetting = ([key]: [string, unknown]) => key === 'title' || key.startsWith('settings.');
  const changes = toJson<FilmChanges>(Object.fromEntries(Object.entries(fields).filter(isSetting)));
  push(null, { type: 'film.updated', film_id: id, version, changes });
}

async function broadcastChange({ operationType }: Event, id: string, fields: Fields): Promise<void> {
  const version = fields.version as number | undefined;
  const isWhole = operationType !== 'update' || 'deleted_at' in fields;
  if (!isWhole && version === undefined) return;

  // Reads the current state, so that a delete and a restore through two servers are broadcast in the order of storage.
  const stored = await Workspace.findOne({ _id: id }).lean<StoredWorkspace>();
  if (!stored) return;
  const filmId = String(stored.film_id);
  if (stored.deleted_at) {
    // The shots of a deleted film are not told one by one.
    const isDelete = Boolean(fields.deleted_at) && !stored.deleted_with_film;
    return isDelete ? push(filmId, { type: 'workspace.deleted', workspace_id: id }) : undefined;
  }
  if (isWhole || version === undefined) return push(filmId, { type: 'workspace.created', workspace: toWire(stored) });
  for (const at of skippedVersions(fields, version))
    push(filmId, { type: 'workspace.updated', workspace_id: id, version: at, changes: {} });
  await waitForVersion(id, stored.version);
  push(filmId, messageOf(stored, fields, version));
}

/** Waits up to 1 s until the stream reaches that stored version, so that later changes of the video are known. */
async function waitForVersion(id: string, version: number): Promise<void> {
  const signal = AbortSignal.timeout(arrivesWithinMs);
  while (!signal.aborted && (seen.get(id)?.version ?? version) < version)
    await once(arrivals, id, { signal }).catch(() => undefined);
}

type Part = 'form' | 'video' | 'ai';

/** The broadcast of a stored change at that version; a video that has changed again is left to the later change. */
function messageOf(stored: StoredWorkspace, fields: Fields, version: number): ServerMessage {
  const workspace_id = String(stored._id);
  const parts = new Set(Object.keys(fields).map(partOf));
  parts.delete(null);
  if (parts.size > 1) return { type: 'workspace.created', workspace: toWire(stored) };
  const isVideoPresent = (seen.get(workspace_id)?.videoAt ?? 0) <= version;
  if (parts.has('video') && isVideoPresent) return statusUpdate({ ...stored, version }, hasTakes(fields));
  if (parts.has('ai')) return { type: 'ai.suggestion', workspace_id, entry: entryOf(fields), version };
  const changes = Object.fromEntries(Object.entries(fields).filter(([key]) => partOf(key) === 'form')) as Changes;
  return { type: 'workspace.updated', workspace_id, version, changes };
}

const hasTakes = (fields: Fields): boolean => Object.keys(fields).some((key) => /^takes\b/.test(key));

function partOf(key: string): Part | null {
  if (/^(form_data\.|cut\.|(end_)?image_(path|url)$)/.test(key)) return 'form';
  const [root] = key.split('.');
  if (root === 'video' || root === 'takes') return 'video';
  return root === 'ai_collaboration' ? 'ai' : null;
}

/** The added suggestion: a field of its own, or the last of a list that was cut to its limit. */
function entryOf(fields: Fields): AiEntry {
  const [, added] = Object.entries(fields).find(([key]) => partOf(key) === 'ai')!;
  const { request_id, ...entry } = toJson<AiEntry & { request_id?: string }>([added].flat().at(-1));
  return entry;
}

/** The versions before the last one of a write: one write may count several, and the last one carries all changes. */
const skippedVersions = (fields: Fields, version: number): number[] => {
  const count = versionsOf(fields[writeIdField]) - 1;
  return Array.from({ length: count }, (_, index) => version - count + index);
};

/** Broadcasts a reorder once, although it changes many workspaces. */
async function broadcastOrder(id: string, writeId: unknown): Promise<void> {
  if (writeId !== undefined && writeId === lastOrderWriteId) return;
  lastOrderWriteId = writeId;
  const workspace = await Workspace.findOne({ _id: id }, { film_id: 1 }).lean();
  if (!workspace) return;
  const filmId = String(workspace.film_id);
  await runInOrderOf(filmId, async () =>
    push(filmId, { type: 'workspace.reordered', workspace_ids: await readOrder(filmId) }),
  );
}
