import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import type { Changes, ServerMessage } from '../contract';
import { readOrder, toWire, Workspace, type StoredWorkspace } from '../db/mongodb';
import { statusUpdate } from '../generation/store';
import { logger } from '../utils/logger';
import { isOwnStamp } from '../utils/process-id';
import { endSockets, push, wasTold } from '../utils/push';

// What another server stores is told to the sockets of this one: the change stream of MongoDB says what was stored, and what
// this process has told by itself is left out. A server that is alone reads no stream.

/** So long a change waits for this process to tell it itself. */
const ownWordWithinMs = 150;
const againAfterMs = 1000;
/** The changes since the last one are no longer in the log of the database. */
const historyLostCodes = [280, 286];
const stepsFilled = 64;

type Fields = Record<string, unknown>;
type Event = {
  operationType: string;
  documentKey: { _id: mongo.ObjectId };
  updateDescription?: { updatedFields?: Fields };
};

let stream: mongo.ChangeStream | null = null;
let isStopping = false;
/** The changes that are told one after the other. */
let turns = Promise.resolve();
/** By workspace, the last version that the stream has shown. */
const shown = new Map<string, number>();

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

const pipeline = [
  { $match: { 'ns.coll': Workspace.collection.name, operationType: { $in: ['insert', 'update', 'replace'] } } },
  { $project: { operationType: 1, documentKey: 1, 'updateDescription.updatedFields': 1, clusterTime: 1 } },
];

/** Tells a change in its turn, once this process has had the time to tell it by itself. */
function take(event: Event): void {
  const atMs = performance.now() + ownWordWithinMs;
  turns = turns.then(async () => {
    await sleep(Math.max(0, atMs - performance.now()));
    await tell(event).catch((error: unknown) => {
      logger.warn('change of another server not told, so that browsers load again', { error });
      endSockets('a change of another server was missed');
    });
  });
}

async function tell({ operationType, documentKey, updateDescription }: Event): Promise<void> {
  const id = String(documentKey._id);
  const fields = updateDescription?.updatedFields ?? {};
  const isWhole = operationType !== 'update' || ('deleted_at' in fields && fields.deleted_at === null);
  const version = fields.version as number | undefined;
  if (!isWhole && version === undefined && !('deleted_at' in fields) && !('order_index' in fields)) return;
  if ('order_index' in fields) return tellOrder();
  if ('moved_by' in fields && isOwnStamp(fields.moved_by)) return;
  if (fields.deleted_at) return push({ type: 'workspace.deleted', workspace_id: id });

  const before = shown.get(id);
  if (version !== undefined) shown.set(id, version);
  if (operationType === 'insert' && wasTold(id, 'made')) return;
  if (version !== undefined && wasTold(id, version)) return;
  const stored = await Workspace.findOne({ _id: id, deleted_at: null }).lean<StoredWorkspace>();
  if (!stored) return;
  if (isWhole || version === undefined) return push({ type: 'workspace.created', workspace: toWire(stored) });
  fillIn(id, before ?? version, version);
  push(messageOf(stored, fields, version));
}

type Part = 'form' | 'video' | 'takes' | 'ai';
/** By workspace, what was changed in versions that were gone when they were to be told: the next one tells it. */
const owed = new Map<string, Set<Part>>();

/** What a stored change tells, with all that is owed; a version that is gone by now tells its edit alone. */
function messageOf(stored: StoredWorkspace, fields: Fields, version: number): ServerMessage {
  const workspaceId = String(stored._id);
  const parts = new Set([...(owed.get(workspaceId) ?? []), ...partsOf(fields)]);
  const changes = Object.fromEntries(Object.entries(fields).filter(([key]) => partOf(key) === 'form')) as Changes;
  const edited = { type: 'workspace.updated', workspace_id: workspaceId, version, changes } as const;
  if (stored.version > version) {
    parts.delete('form');
    owed.set(workspaceId, parts);
    return edited;
  }
  owed.delete(workspaceId);
  const wire = toWire(stored);
  const hasVideo = parts.has('video') || parts.has('takes');
  if (Number(hasVideo) + Number(parts.has('ai')) + Number(parts.has('form')) > 1)
    return { type: 'workspace.created', workspace: wire };
  if (hasVideo) return statusUpdate(stored, parts.has('takes'));
  const entry = parts.has('ai') ? wire.ai_collaboration.at(-1) : undefined;
  return entry ? { type: 'ai.suggestion', workspace_id: workspaceId, entry, version } : edited;
}

const partsOf = (fields: Fields): Part[] =>
  Object.keys(fields)
    .map(partOf)
    .filter((part) => part !== null);

function partOf(key: string): Part | null {
  if (key.startsWith('form_data.') || key === 'image_path' || key === 'image_url') return 'form';
  const [root] = key.split('.');
  return root === 'video' || root === 'takes' ? root : root === 'ai_collaboration' ? 'ai' : null;
}

/** One write may be several versions, of which the last one tells all. */
function fillIn(id: string, before: number, version: number): void {
  for (let step = Math.max(before, version - stepsFilled) + 1; step < version; step++)
    if (!wasTold(id, step)) push({ type: 'workspace.updated', workspace_id: id, version: step, changes: {} });
}

async function tellOrder(): Promise<void> {
  const ids = await readOrder();
  if (!wasTold('order', ids.join())) push({ type: 'workspace.reordered', workspace_ids: ids });
}
