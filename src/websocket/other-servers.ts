import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import type { AiEntry } from '../contract/conversation';
import type { ServerMessage } from '../contract/messages';
import type { Changes } from '../contract/workspace';
import { readOrder } from '../db/find-workspaces';
import { toJson, toWire, Workspace, type StoredWorkspace } from '../db/workspace';
import { hearOtherServer } from '../generation/cancel';
import { statusUpdate } from '../generation/store';
import { BoundedMap } from '../utils/bounded-map';
import { logger } from '../utils/logger';
import { isOwnStamp, versionsOf } from '../utils/process-id';
import { endSockets, push } from '../utils/push';
import { inTurn } from './server';

// What another server stores is told to the sockets of this one: the change stream of MongoDB says what was stored, and by its
// mark which server did it. A server that is alone reads no stream.

const againAfterMs = 1000;
/** The changes since the last one are no longer in the log of the database. */
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
/** The mark of the last reorder that was told. */
let orderTold: unknown;
/** By workspace, the last version that the stream has shown, and the last one with a change of the video. */
const seen = new BoundedMap<string, { version: number; videoAt: number }>(versionsKept);
const arrivals = new EventEmitter();

/** Begins to tell what other servers store, from that moment of the database on; goes on until `stopFollowing`. */
export function followOtherServers(since: mongo.Timestamp | undefined): void {
  if (stream || isStopping) return;
  void follow(since && { startAtOperationTime: since }).catch((error: unknown) =>
    logger.error('what other servers store is not told any more', { error }),
  );
}

/** Ends the stream. */
export async function stopFollowing(): Promise<void> {
  isStopping = true;
  await stream?.close();
}

async function follow(from: mongo.ChangeStreamOptions = {}): Promise<void> {
  let start = from;
  while (!isStopping) {
    stream = mongoose.connection.db!.watch<Fields>(pipeline, start);
    try {
      for await (const event of stream) take(event as unknown as Event);
    } catch (error) {
      if (isStopping) return;
      logger.warn('stream of changes broke, followed again', { error });
      const isLost = historyLostCodes.includes(Number((error as { code?: unknown }).code));
      start = isLost || !stream.resumeToken ? {} : { resumeAfter: stream.resumeToken };
      if (isLost) endSockets('changes of another server were missed');
      await sleep(againAfterMs);
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

/** Tells a change in its turn, so that an answer from before it is sent before it is told. */
function take(event: Event): void {
  const id = String(event.documentKey._id);
  const fields = event.updateDescription?.updatedFields ?? {};
  const version = fields.version as number | undefined;
  if (version !== undefined) {
    const isOfVideo = Object.keys(fields).some((key) => partOf(key) === 'video');
    seen.set(id, { version, videoAt: isOfVideo ? version : (seen.get(id)?.videoAt ?? 0) });
    arrivals.emit(id);
  }
  if (isOwnStamp(fields[stamp] ?? event.fullDocument?.[stamp])) return;
  // Heard at once: a create that is about to leave here does not wait for the messages of this workspace.
  const heard = fields.deleted_at || fields['job.cancelled_at'] ? hearOtherServer(id) : Promise.resolve();
  heard.catch(() => undefined);
  void inTurn('order_index' in fields ? null : id, () =>
    heard
      .then(() => tell(event, id, fields))
      .catch((error: unknown) => {
        logger.warn('change of another server not told, so that browsers load again', { error });
        endSockets('a change of another server was missed');
      }),
  );
}

async function tell({ operationType }: Event, id: string, fields: Fields): Promise<void> {
  if ('order_index' in fields) return tellOrder(fields[stamp]);
  const version = fields.version as number | undefined;
  const isWhole = operationType !== 'update' || 'deleted_at' in fields;
  if (!isWhole && version === undefined) return;

  // As it is now: a delete and a restore through two servers are told in the order in which they were stored.
  const stored = await Workspace.findOne({ _id: id, deleted_at: null }).lean<StoredWorkspace>();
  if (!stored) return fields.deleted_at ? push({ type: 'workspace.deleted', workspace_id: id }) : undefined;
  if (isWhole || version === undefined) return push({ type: 'workspace.created', workspace: toWire(stored) });
  fillIn(id, version - versionsOf(fields[stamp]) + 1, version);
  await arrivalOf(id, stored.version);
  push(messageOf(stored, fields, version));
}

/** Waits until the stream has shown that version, which is stored; what changed the video since is known then. */
async function arrivalOf(id: string, version: number): Promise<void> {
  const signal = AbortSignal.timeout(arrivesWithinMs);
  while (!signal.aborted && (seen.get(id)?.version ?? version) < version)
    await once(arrivals, id, { signal }).catch(() => undefined);
}

type Part = 'form' | 'video' | 'ai';

/** What a stored change tells, as that version; a video that has changed again since is left to what tells of that. */
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

/** The suggestion that was added: a field of its own, or the last of a list that was cut to its length. */
function entryOf(fields: Fields): AiEntry {
  const [, added] = Object.entries(fields).find(([key]) => partOf(key) === 'ai')!;
  const { request_id, ...entry } = toJson<AiEntry & { request_id?: string }>([added].flat().at(-1));
  return entry;
}

/** One write may be several versions, of which the last one tells all. */
function fillIn(id: string, from: number, version: number): void {
  for (let step = from; step < version; step++)
    push({ type: 'workspace.updated', workspace_id: id, version: step, changes: {} });
}

/** One reorder changes many workspaces, and is told once. */
async function tellOrder(mark: unknown): Promise<void> {
  if (mark !== undefined && mark === orderTold) return;
  orderTold = mark;
  push({ type: 'workspace.reordered', workspace_ids: await readOrder() });
}
