import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import type { AiEntry } from '../contract/conversation';
import type { ServerMessage } from '../contract/messages';
import type { Changes } from '../contract/workspace';
import { readOrder } from '../db/find-workspaces';
import { toJson, toWire, Workspace, type StoredWorkspace } from '../db/workspace';
import { onStoredElsewhere } from '../generation/cancel';
import { statusUpdate } from '../generation/store';
import { BoundedMap } from '../utils/bounded-map';
import { logger } from '../utils/logger';
import { isOwnStamp, versionsOf } from '../utils/process-id';
import { endSockets, push } from '../utils/push';
import { runInOrder } from './server';

// What another server stores is broadcast to the sockets of this one: MongoDB's change stream shows what was stored, and the
// `stored_by` stamp shows which server did it. A single server reads no stream.

const rewatchAfterMs = 1000;
/** The next change is no longer in the oplog. */
const historyLostCodes = [280, 286];
const versionsKept = 20_000;
const arrivesWithinMs = 1000;

type Fields = Record<string, unknown>;
type Event = {
  operationType: string;
  documentKey: { _id: mongo.ObjectId };
  fullDocument?: Fields;
  updateDescription?: { updatedFields?: Fields };
};

let stream: mongo.ChangeStream | null = null;
let isStopping = false;
/** The stamp of the last reorder that was broadcast. */
let lastOrderStamp: unknown;
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

const stamp = 'stored_by';
const pipeline = [
  { $match: { 'ns.coll': Workspace.collection.name, operationType: { $in: ['insert', 'update', 'replace'] } } },
  {
    $project: {
      operationType: 1,
      documentKey: 1,
      'updateDescription.updatedFields': 1,
      [`fullDocument.${stamp}`]: 1,
    },
  },
];

/** Broadcasts a change in order, after the replies to earlier messages. */
function onEvent(event: Event): void {
  const id = String(event.documentKey._id);
  const fields = event.updateDescription?.updatedFields ?? {};
  const version = fields.version as number | undefined;
  if (version !== undefined) {
    const isOfVideo = Object.keys(fields).some((key) => partOf(key) === 'video');
    seen.set(id, { version, videoAt: isOfVideo ? version : (seen.get(id)?.videoAt ?? 0) });
    arrivals.emit(id);
  }
  if (isOwnStamp(fields[stamp] ?? event.fullDocument?.[stamp])) return;
  // Not in order: a create must be stopped before it leaves, without waiting for the messages of this workspace.
  const stopped = fields.deleted_at || fields['job.cancelled_at'] ? onStoredElsewhere(id) : Promise.resolve();
  stopped.catch(() => undefined);
  void runInOrder('order_index' in fields ? null : id, () =>
    stopped
      .then(() => broadcastChange(event, id, fields))
      .catch((error: unknown) => {
        logger.warn('change of another server not broadcast, browsers reload', { error });
        endSockets('a change of another server was missed');
      }),
  );
}

async function broadcastChange({ operationType }: Event, id: string, fields: Fields): Promise<void> {
  if ('order_index' in fields) return broadcastOrder(fields[stamp]);
  const version = fields.version as number | undefined;
  const isWhole = operationType !== 'update' || 'deleted_at' in fields;
  if (!isWhole && version === undefined) return;

  // Reads the present state, so that a delete and a restore through two servers are broadcast in the order of their storage.
  const stored = await Workspace.findOne({ _id: id, deleted_at: null }).lean<StoredWorkspace>();
  if (!stored) return fields.deleted_at ? push({ type: 'workspace.deleted', workspace_id: id }) : undefined;
  if (isWhole || version === undefined) return push({ type: 'workspace.created', workspace: toWire(stored) });
  broadcastSkipped(id, version - versionsOf(fields[stamp]) + 1, version);
  await waitForVersion(id, stored.version);
  push(messageOf(stored, fields, version));
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
  if (key.startsWith('form_data.') || key === 'image_path' || key === 'image_url') return 'form';
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

/** One write may count several versions, and the last one carries all changes. */
function broadcastSkipped(id: string, from: number, version: number): void {
  for (let step = from; step < version; step++)
    push({ type: 'workspace.updated', workspace_id: id, version: step, changes: {} });
}

/** Broadcasts a reorder once, although it changes many workspaces. */
async function broadcastOrder(mark: unknown): Promise<void> {
  if (mark !== undefined && mark === lastOrderStamp) return;
  lastOrderStamp = mark;
  push({ type: 'workspace.reordered', workspace_ids: await readOrder() });
}
