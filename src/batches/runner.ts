import { isDeepStrictEqual } from 'node:util';
import { trusted } from 'mongoose';
import type { ServerMessage } from '../contract/messages';
import { config } from '../config';
import { limitsFor } from '../costs/limits';
import type { BatchItem, StoredBatch } from '../db/batch';
import { findStoredShots } from '../db/find-workspaces';
import { isDatabaseConnected } from '../db/mongodb';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { isNoCharge } from '../generation/attempt';
import { countFreeSlots } from '../generation/queue';
import { startForBatch } from '../generation/request';
import { toAppError, type AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { listenToPushes } from '../utils/push';
import { createSharedWork } from '../utils/queue';
import { cancelled, dueShots, failed, nextItems, quietMs, requestIdOf, type Scene } from './advance';
import { changeBatch, changeItem, claimBatches, findRunning, isOpen, releaseBatches } from './store';

// A batch is run by one process at a time, whichever has its lease. It starts a shot only when a task may run, so that the shot is
// sent as it is stored at that moment; the attempt itself is run like that of any click.

const roundMs = 1000;
/** Changes come in bursts. */
const settleMs = 30;
/** What `advance.ts` reads of a shot: a film has hundreds, and is read with each end of a video. */
const readFields = {
  deleted_at: 1,
  updated_at: 1,
  form_data: 1,
  video: 1,
  'takes.attempt_id': 1,
  'takes.status': 1,
  job: 1,
  superseded: 1,
  'clicks.request_id': 1,
  'clicks.attempt_id': 1,
  'clicks.outcome': 1,
} as const;
/** Errors that say nothing about a shot, whose turn comes again. */
const transientCodes = ['BUSY', 'DATABASE_UNAVAILABLE', 'VIDEO_IN_PROGRESS'];

let timer: NodeJS.Timeout | undefined;
let waking: NodeJS.Timeout | undefined;
let isStopping = false;

/** Runs every batch that no other process runs, until `stopBatches`; may be called again. */
export function startBatches(): void {
  listenToPushes(onPush);
  clearInterval(timer);
  timer = setInterval(wakeBatches, roundMs);
  wakeBatches();
}

/** Starts no more shots; the next start goes on. */
export async function stopBatches(): Promise<void> {
  isStopping = true;
  clearInterval(timer);
  clearTimeout(waking);
  await round().catch(() => undefined);
  if (isDatabaseConnected())
    await releaseBatches().catch((error: unknown) => logger.warn('batches not released', { error }));
}

/** Looks at the batches soon, since something has changed. */
export function wakeBatches(): void {
  if (isStopping || waking) return;
  waking = setTimeout(() => {
    waking = undefined;
    round().catch((error: unknown) => logger.warn('batches not looked after', { error }));
  }, settleMs).unref();
}

/** A shot that has ended gives its slot, or its clip, to the next one. */
function onPush(_filmId: string | null, message: ServerMessage): void {
  const isEnd = message.type === 'video.status_update' && message.video.status !== 'generating';
  if (isEnd || message.type === 'workspace.deleted' || message.type === 'film.updated') wakeBatches();
}

const round = createSharedWork(async () => {
  if (isStopping) return;
  for (const batch of await claimBatches())
    await advance(batch).catch((error: unknown) =>
      logger.warn('batch not advanced', { batch_id: String(batch._id), error }),
    );
});

async function advance({ _id, film_id: filmId, items, revision }: StoredBatch): Promise<void> {
  const scene = await readScene(String(_id), String(filmId), items);
  let isCurrent = false;
  const batch = await changeBatch(_id, (stored) => {
    isCurrent = stored.revision === revision;
    const next = isCurrent ? nextItems(stored, scene) : stored.items;
    return isDeepStrictEqual(next, stored.items) ? null : { items: next };
  });
  // What has changed since the shots were read is for the next round, which reads them again.
  if (!isCurrent) return wakeBatches();
  if (batch.completed_at) logger.info('batch ended', { batch_id: String(_id), status: batch.status });
  if (batch.status !== 'running') return;
  await startDue(batch, dueShots(batch, scene));
}

/** Starts as many shots as tasks may run, of paid and of no-charge providers apart. */
async function startDue(batch: StoredBatch, due: StoredWorkspace[]): Promise<void> {
  const full = new Set<boolean>();
  for (const shot of due) {
    const provider = shot.form_data.provider || config.VIDEO_PROVIDER;
    if (full.has(isNoCharge(provider))) continue;
    if (isStopping) return;
    if ((await countFreeSlots(provider)) > 0) await start(batch, shot);
    else full.add(isNoCharge(provider));
  }
}

async function readScene(batchId: string, filmId: string, items: BatchItem[]): Promise<Scene> {
  const [shots, running, limits] = await Promise.all([
    findStoredShots(filmId, readFields),
    findRunning(filmId),
    limitsFor(filmId),
  ]);
  const byId = new Map(shots.map((shot) => [String(shot._id), shot]));
  const gone = items.filter((item) => isOpen(item) && !byId.has(item.workspace_id));
  if (gone.length > 0) {
    const inTrash = { _id: trusted({ $in: gone.map(({ workspace_id }) => workspace_id) }) };
    const found = await Workspace.find(inTrash, readFields).lean<StoredWorkspace[]>();
    for (const shot of found) byId.set(String(shot._id), shot);
  }
  const elsewhere = running.filter((other) => String(other._id) !== batchId).flatMap(({ open }) => open);
  return { shots, byId, openElsewhere: new Set(elsewhere), limits };
}

/** Starts a shot. The batch notes that first, so that a cancellation from now on leaves the shot to its attempt. */
async function start(batch: StoredBatch, { _id }: StoredWorkspace): Promise<void> {
  const workspaceId = String(_id);
  const change = (from: BatchItem['state'], to: (item: BatchItem) => BatchItem) =>
    changeItem(batch._id, workspaceId, from, to);
  if (!(await change('waiting', (item) => ({ ...item, state: 'starting' })))) return;
  try {
    const attempt_id = await startForBatch({
      workspaceId,
      requestId: requestIdOf(batch),
      quietMs,
      acceptSecondCharge: false,
      acceptOverLimit: batch.accept_over_limit,
      acceptUnknownPrice: batch.accept_unknown_price,
    });
    await change('starting', (item) => ({ ...item, attempt_id, state: 'generating' }));
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.info('shot of a batch not started', { workspace_id: workspaceId, code: error.code, reason: error.message });
    await change('starting', (item) => notStarted(item, error));
  }
}

function notStarted(item: BatchItem, { code, body }: AppError): BatchItem {
  if (transientCodes.includes(code)) return { ...item, state: 'waiting' };
  return code === 'WORKSPACE_NOT_FOUND' ? cancelled(item, body) : failed(item, body);
}
