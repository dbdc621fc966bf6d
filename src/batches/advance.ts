import type { ErrorBody, ErrorCode } from '../contract/errors';
import type { Limit } from '../contract/money';
import { refuseBeyond } from '../costs/reserve';
import type { BatchItem, StoredBatch } from '../db/batch';
import { activeStates, type JobState } from '../db/job';
import type { StoredWorkspace } from '../db/workspace';
import { failure } from '../generation/attempt';
import { AppError } from '../utils/errors';
import { isOpen } from './store';

/** For how long a shot must have been left alone before it is sent. */
export const quietMs = 3000;

/** From the moment at which a click reads its shot to the one at which its attempt is stored. */
const claimedWithinMs = 30_000;

/** What decides about the items of a batch. */
export type Scene = {
  /** The shots of the film in order. */
  shots: StoredWorkspace[];
  /** Every shot of the batch: those of `shots`, and those in the trash. */
  byId: Map<string, StoredWorkspace>;
  /** The shots that are in another running batch. */
  openElsewhere: Set<string>;
  limits: Limit[];
};

/** The request_id under which a batch starts each of its shots, so that no shot is started twice. */
export const requestIdOf = ({ _id }: Pick<StoredBatch, '_id'>): string => `batch-${String(_id)}`;

/** The items of a batch as the shots show them, in the same order. */
export function nextItems(batch: StoredBatch, scene: Scene): BatchItem[] {
  // A shot waits for the one before it, which comes first.
  const known = new Map(batch.items.map((item) => [item.workspace_id, item]));
  for (const item of batch.items) known.set(item.workspace_id, nextItem(item, batch, known, scene));
  return [...known.values()];
}

type Known = Map<string, BatchItem>;

function nextItem(item: BatchItem, batch: StoredBatch, known: Known, scene: Scene): BatchItem {
  if (!isOpen(item)) return item;
  const shot = scene.byId.get(item.workspace_id);
  if (!shot) return cancelled(item, gone);
  const attemptId = item.attempt_id ?? attemptOf(shot, batch) ?? startedBeside(shot, item, batch);
  if (attemptId !== null) return { ...item, attempt_id: attemptId, ...outcomeOf(shot, attemptId) };
  if (batch.status === 'cancelled') return cancelled(item);
  if (shot.deleted_at) return cancelled(item, gone);
  const waiting: BatchItem = { ...item, state: 'waiting' };
  const before = beforeOf(shot, scene);
  if (before !== undefined && hasFailed(waiting, before, known)) return failed(item, linkFailed);
  const refusal = refusalOf(item, batch, scene.limits);
  if (refusal) return failed(item, refusal);
  return {
    ...waiting,
    waits_for: before && isBeingMade(before, known, scene) ? before.video.attempt_id : item.waits_for,
  };
}

/** The attempt that a batch has started of a shot, which its process may not have noted before it ended. */
export function attemptOf({ clicks }: StoredWorkspace, batch: StoredBatch): string | null {
  return clicks.find(({ request_id }) => request_id === requestIdOf(batch))?.attempt_id ?? null;
}

/**
 * The attempt that a click has started at the same moment as the batch, each before it could see the other; the batch takes it for its
 * own, so that the shot is not paid twice.
 */
function startedBeside({ video }: StoredWorkspace, item: BatchItem, { created_at: at }: StoredBatch): string | null {
  const { attempt_id: attemptId, started_at: startedAt } = video;
  if (attemptId === item.planned_over || startedAt === null) return null;
  // A take that was chosen since is older.
  const isNew = new Date(startedAt).getTime() > at.getTime() - claimedWithinMs;
  return isNew ? attemptId : null;
}

function outcomeOf(shot: StoredWorkspace, attemptId: string): Pick<BatchItem, 'state' | 'reason'> {
  const isIt = (other: { attempt_id: string | null } | null) => other?.attempt_id === attemptId;
  const job = [shot.job, ...shot.superseded].find(isIt);
  const click = shot.clicks.find(isIt);
  const video = [shot.video, ...shot.takes].find(isIt) ?? click?.outcome;
  if (video?.status === 'completed') return { state: 'completed', reason: null };
  if (video?.status === 'failed') return failureOf(video.error);
  const isActive = job && job.cancelled_at === null && activeStates.includes(job.state);
  // Behind another take, where no video tells it.
  const late = isActive && lateCodes[job.state];
  if (late) return failureOf(failure(late, job.provider, 'maybe').error);
  if (isActive || video?.status === 'generating') return { state: 'generating', reason: null };
  return { state: 'cancelled', reason: wasReplaced };
}

/** Of attempts that have failed for their users, though their clips may still come. */
const lateCodes: Partial<Record<JobState, ErrorCode>> = { timed_out: 'TIMEOUT', download_failed: 'DOWNLOAD_FAILED' };

function failureOf(error: StoredWorkspace['video']['error']): Pick<BatchItem, 'state' | 'reason'> {
  const { code, message } = error!;
  return { state: code === 'CANCELLED' ? 'cancelled' : 'failed', reason: { code, message } };
}

/** The shot from whose clip a shot starts; null if there is none, undefined if it starts from an image. */
function beforeOf(shot: StoredWorkspace, { shots }: Scene): StoredWorkspace | null | undefined {
  if (shot.form_data.start !== 'previous') return undefined;
  return shots[shots.indexOf(shot) - 1] ?? null;
}

/** Whether the clip that a shot waits for will not come. */
function hasFailed({ waits_for: waitsFor }: BatchItem, before: StoredWorkspace | null, known: Known): boolean {
  if (!before) return true;
  const item = known.get(String(before._id));
  if (item) return item.state === 'failed' || item.state === 'cancelled';
  const { attempt_id: attemptId, status } = before.video;
  return waitsFor !== null && attemptId === waitsFor && status === 'failed';
}

function isBeingMade(before: StoredWorkspace, known: Known, { openElsewhere }: Scene): boolean {
  const id = String(before._id);
  const item = known.get(id);
  return (item !== undefined && isOpen(item)) || before.video.status === 'generating' || openElsewhere.has(id);
}

/** Why a shot does not fit into the limits any more, which may have been lowered since it was planned; null if it does. */
function refusalOf({ cost }: BatchItem, batch: StoredBatch, limits: Limit[]): ErrorBody | null {
  // What its form costs by now decides when its turn comes, since it may change again until then.
  if (!cost) return null;
  try {
    const { accept_over_limit, accept_unknown_price } = batch;
    refuseBeyond(limits, { model: '', cost, accept_over_limit, accept_unknown_price });
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.body;
    throw error;
  }
}

/** The shots whose turn it is, in order: they wait for no clip, and were left alone for long enough. */
export function dueShots({ items }: Pick<StoredBatch, 'items'>, scene: Scene): StoredWorkspace[] {
  const known = new Map(items.map((item) => [item.workspace_id, item]));
  return items.flatMap((item) => {
    const shot = scene.byId.get(item.workspace_id);
    if (item.state !== 'waiting' || !shot) return [];
    const before = beforeOf(shot, scene);
    const isQuiet = Date.now() - new Date(shot.updated_at).getTime() >= quietMs;
    return isQuiet && !(before && isBeingMade(before, known, scene)) ? [shot] : [];
  });
}

/** An item that was not started and will not be. */
export const cancelled = (item: BatchItem, reason: ErrorBody = wasCancelled): BatchItem => ({
  ...item,
  state: 'cancelled',
  reason,
});

export const failed = (item: BatchItem, reason: ErrorBody): BatchItem => ({ ...item, state: 'failed', reason });

const wasCancelled: ErrorBody = { code: 'CANCELLED', message: 'It was cancelled before its turn, and costs nothing.' };
const wasReplaced: ErrorBody = { code: 'CANCELLED', message: 'Another video was chosen or made before it had ended.' };
const linkFailed: ErrorBody = {
  code: 'PREVIOUS_CLIP_MISSING',
  message: 'It starts from the clip of the shot before, which was not made, so it was not started and costs nothing.',
};
const gone: ErrorBody = { code: 'WORKSPACE_NOT_FOUND', message: 'The shot was deleted before its turn.' };
