import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { mongo, trusted } from 'mongoose';
import { takesKept } from '../contract/limits';
import type { Cost } from '../contract/money';
import type { Video, VideoError } from '../contract/video';
import { chargeState, recordCharge, type ChargeChange } from '../costs/ledger';
import { recordDropped } from '../db/dropped-clips';
import type { Job } from '../db/job';
import { versionedUpdate } from '../db/updates';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import { backoffMs } from '../utils/backoff';
import { toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { isOwnWriteId, newWriteId, processId } from '../utils/process-id';
import { push } from '../utils/push';
import { isNoCharge, LeaseLost, ownsVideo, readFields, takeOf, type Attempt } from './attempt';
import type { AcceptedTask } from './journal';
import { leaseMs } from './leases';

const firstRetryMs = 250;
const longestRetryMs = 2000;
const maxStepTries = 10;

let isStopping = false;

/** Makes writes fail from now on instead of retrying while the database is unavailable. */
export function stopPersisting(): void {
  isStopping = true;
}

export type Change = {
  /** The new state of the video, if that still belongs to the attempt; otherwise a finished video becomes a take. */
  video?: Partial<Video>;
  /** null: the attempt has ended. */
  job: Partial<Job> | null;
  /** Whether the video is updated even though the user cancelled the attempt. */
  evenIfCancelled?: boolean;
  /** What the provider says that the attempt costs. */
  cost?: Cost;
};

/**
 * Stores one step of an attempt exactly once, even if it is superseded by now, then broadcasts it; retries while the database
 * is unavailable. Throws LeaseLost, with nothing stored, when another process runs the attempt or it has ended.
 */
export async function storeStep(attempt: Attempt, change: Change): Promise<void> {
  const step = randomUUID();
  const { state } = attempt.job;
  await persist(async (isRetry) => {
    // A new take needs the current takes; a retry needs to know whether the step was stored.
    let known: Found | null =
      isRetry || change.video?.status === 'completed' ? await findAttempt(attempt) : { attempt };
    for (let race = 0; race < maxStepTries; race++) {
      if (!known && isRetry && change.job === null) return broadcastCurrent(attempt);
      if (known?.attempt.job.lease.epoch !== attempt.job.lease.epoch) throw new LeaseLost();
      // Another run has advanced the attempt in the meantime, so this step is done or obsolete.
      const { job } = known.attempt;
      if (job.state !== state && job.step !== step && !holdsChange(job, change)) throw new LeaseLost();
      Object.assign(attempt, known.attempt);
      if (attempt.job.step === step) return broadcastCurrent(attempt);
      // First, so that the charge is known even if the process ends before the step is stored.
      await recordCharge(attempt.job, chargeChangeOf(change));
      const stored = await writeStep(attempt, change, step, known.takes);
      if (stored) return adoptAndBroadcast(attempt, stored);
      known = await findAttempt(attempt);
    }
    throw new LeaseLost();
  });
}

/** Whether the job already contains the whole change: it was stored, and a cancellation followed. */
const holdsChange = (job: Job, change: Change): boolean =>
  change.job !== null &&
  Object.entries(change.job).every(([key, value]) => isDeepStrictEqual(job[key as keyof Job], value));

type Found = { attempt: Attempt; takes?: Video[] };
type Written = { stored: StoredWorkspace; isVisible: boolean; withTakes: boolean };

async function findAttempt({ workspaceId, job }: Attempt): Promise<Found | null> {
  const filter = {
    _id: workspaceId,
    $or: [{ 'job.attempt_id': job.attempt_id }, { 'superseded.attempt_id': job.attempt_id }],
  };
  const stored = await Workspace.findOne(filter, readFields).lean<StoredWorkspace>();
  const attempt = stored && attemptIn(stored, job.attempt_id);
  return attempt && { attempt, takes: stored.takes };
}

/** The attempt as stored in a workspace; null when it has ended. */
export function attemptIn({ _id, video, job, superseded }: StoredWorkspace, attemptId: string): Attempt | null {
  const isSuperseded = job?.attempt_id !== attemptId;
  const found = isSuperseded ? superseded.find((other) => other.attempt_id === attemptId) : job;
  return found ? { workspaceId: String(_id), job: found, video, isSuperseded } : null;
}

/** Writes the step only if the attempt and its video are still as last read; null otherwise. */
async function writeStep(
  attempt: Attempt,
  { video, job, evenIfCancelled, cost }: Change,
  step: string,
  takes: Video[] | undefined,
): Promise<Written | null> {
  const { workspaceId, isSuperseded, video: shown, job: known } = attempt;
  const mine = { attempt_id: known.attempt_id, step: known.step, 'lease.epoch': known.lease.epoch };
  const isShown = shown.attempt_id === known.attempt_id;
  const isOwner = ownsVideo(attempt) || (evenIfCancelled && isShown);
  const videoFields = {
    ...(isOwner ? dotted('video', video) : chargeOf(attempt, video)),
    ...(cost && isShown && { 'video.cost': cost }),
  };
  const take = !isOwner && video?.status === 'completed' ? takeOf(attempt, { ...video, ...(cost && { cost }) }) : null;
  const isVisible = take !== null || Object.keys(videoFields).length > 0;
  if (take && takes) await recordDropped(takes.slice(takesKept - 1).map((dropped) => dropped.attempt_id!));

  const path = isSuperseded ? 'superseded.$' : 'job';
  const stored = await Workspace.findOneAndUpdate(
    {
      _id: workspaceId,
      'video.attempt_id': shown.attempt_id,
      'video.status': shown.status,
      ...(isSuperseded ? { superseded: trusted({ $elemMatch: mine }) } : dotted('job', mine)),
      ...(take && { takes: trusted({ $size: takes!.length }) }),
    },
    {
      $set: {
        ...videoFields,
        ...(isVisible && { updated_at: new Date(), stored_by: newWriteId() }),
        ...(job ? dotted(path, { ...job, ...(cost && { cost }), step }) : !isSuperseded && { job: null }),
      },
      ...(isVisible && { $inc: { version: 1 } }),
      ...(!job && isSuperseded && { $pull: { superseded: { attempt_id: known.attempt_id } } }),
      // The clip on show must not change: without a completed video it is the first take, so a late take goes second.
      ...(take && {
        $push: { takes: { $each: [take], $position: shown.status === 'completed' ? 0 : 1, $slice: takesKept } },
      }),
    },
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
  return stored && { stored, isVisible, withTakes: take !== null };
}

/** A cancelled video stays cancelled, but shows whether it was charged as soon as that is known. */
function chargeOf({ job, video: shown }: Attempt, video: Partial<Video> | undefined): object {
  if (shown.attempt_id !== job.attempt_id || shown.error?.code !== 'CANCELLED' || isNoCharge(job.provider)) return {};
  const charged = chargedBy(video);
  const isNew = charged !== undefined && charged !== 'maybe' && charged !== shown.error.charged;
  return isNew ? { 'video.error.charged': charged } : {};
}

/** Whether a new state of a video says that it was charged; undefined if it says nothing about that. */
function chargedBy(video: Partial<Video> | undefined): VideoError['charged'] | undefined {
  const isMade = video?.status === 'completed' || video?.phase === 'downloading';
  return isMade ? 'yes' : video?.error?.charged;
}

function chargeChangeOf({ video, cost }: Change): ChargeChange {
  const charged = chargedBy(video);
  return { ...(charged && { state: chargeState(charged) }), ...(cost && { cost }) };
}

/** Broadcasts a step whose write succeeded but whose reply was lost; another server's write comes by the change stream. */
async function broadcastCurrent(attempt: Attempt): Promise<void> {
  const stored = await Workspace.findOne({ _id: attempt.workspaceId }, readFields).lean<StoredWorkspace>();
  if (!stored) return;
  adoptAndBroadcast(attempt, { stored, isVisible: isOwnWriteId(stored.stored_by), withTakes: stored.takes.length > 0 });
}

function adoptAndBroadcast(attempt: Attempt, { stored, isVisible, withTakes }: Written): void {
  Object.assign(attempt, attemptIn(stored, attempt.job.attempt_id) ?? { video: stored.video });
  if (isVisible) broadcast(stored, withTakes);
}

/**
 * Whether an attempt about to be submitted is still ours and wanted: not in the trash, not cancelled, not superseded.
 * A request that only reveals the outcome of an earlier create (`isProbe`) is wanted unless the workspace is in the trash.
 */
export const isWanted = ({ workspaceId, job }: Attempt, { isProbe = false } = {}): Promise<boolean> =>
  persist(async () => {
    const mine = { attempt_id: job.attempt_id, 'lease.epoch': job.lease.epoch };
    const wanted = isProbe
      ? { $or: [dotted('job', mine), { superseded: trusted({ $elemMatch: mine }) }] }
      : dotted('job', { ...mine, cancelled_at: null });
    return (await Workspace.exists({ _id: workspaceId, deleted_at: null, ...wanted })) !== null;
  });

/**
 * Stores the task id of an accepted attempt, and `cost` if the provider named one, and takes its lease, whichever process holds it: a
 * paid task must not be lost.
 * Returns the attempt for this process to run, 'taken' when another process has the task or it has ended, or 'unknown' when
 * the database has no such attempt.
 */
export function storeTaskId(task: AcceptedTask, cost?: Cost): Promise<Attempt | 'taken' | 'unknown'> {
  const { workspace_id: workspaceId, attempt_id: attemptId, task_id: taskId } = task;
  return persist(async (isRetry) => {
    for (;;) {
      const filter = { _id: workspaceId };
      const read = await Workspace.findOne(filter, { ...readFields, clicks: 1 }).lean<StoredWorkspace>();
      const attempt = read && attemptIn(read, attemptId);
      if (!attempt) return read && hasEnded(read, attemptId) ? 'taken' : 'unknown';
      if (attempt.job.task_id) {
        if (isRetry && isOwnWriteId(read.stored_by)) broadcast(read);
        return attempt.job.lease.owner === processId ? attempt : 'taken';
      }
      const stored = await writeAccepted(attempt, taskId, cost);
      if (!stored) continue;
      broadcast(stored);
      return attemptIn(stored, attemptId)!;
    }
  });
}

const hasEnded = ({ video, takes, clicks }: StoredWorkspace, attemptId: string): boolean =>
  [video, ...takes, ...clicks].some((known) => known.attempt_id === attemptId);

async function writeAccepted(
  attempt: Attempt,
  taskId: string,
  cost: Cost | undefined,
): Promise<StoredWorkspace | null> {
  const { workspaceId, isSuperseded, video, job } = attempt;
  const now = new Date();
  const mine = { attempt_id: job.attempt_id, step: job.step, task_id: null };
  const lease = { owner: processId, until: new Date(now.getTime() + leaseMs), epoch: job.lease.epoch + 1 };
  const accepted = { state: 'polling', task_id: taskId, accepted_at: now, step: randomUUID(), lease };
  const running = { status: 'generating', phase: 'queued', task_id: taskId, error: null, completed_at: null };
  const isShown = video.attempt_id === job.attempt_id;
  const costs = cost && { cost };
  await recordCharge({ ...job, lease }, { state: job.cancelled_at ? 'maybe' : 'reserved', ...costs });
  return Workspace.findOneAndUpdate(
    {
      _id: workspaceId,
      'video.attempt_id': video.attempt_id,
      ...(isSuperseded ? { superseded: trusted({ $elemMatch: mine }) } : dotted('job', mine)),
    },
    versionedUpdate({
      ...dotted(isSuperseded ? 'superseded.$' : 'job', { ...accepted, ...costs }),
      ...(isShown && dotted('video', { ...(job.cancelled_at ? { task_id: taskId } : running), ...costs })),
    }),
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
}

/** The broadcast with the current state of a video. */
export const statusUpdate = (stored: StoredWorkspace, withTakes = false) =>
  ({
    type: 'video.status_update',
    workspace_id: String(stored._id),
    video: toJson<Video>(stored.video),
    version: stored.version,
    ...(withTakes && { takes: toJson<Video[]>(stored.takes) }),
  }) as const;

/** Broadcasts the state of a video, unless its workspace is in the trash. */
export function broadcast(stored: StoredWorkspace, withTakes = false): void {
  if (!stored.deleted_at) push(String(stored.film_id), statusUpdate(stored, withTakes));
}

/** Retries a write on every database error, whatever its code, so that no paid result is lost to a short outage. */
async function persist<Result>(write: (isRetry: boolean) => Promise<Result>): Promise<Result> {
  for (let failures = 0; ; failures++) {
    try {
      return await write(failures > 0);
    } catch (error) {
      const isDatabaseFault = error instanceof mongo.MongoError || toAppError(error).code === 'DATABASE_UNAVAILABLE';
      if (isStopping || !isDatabaseFault) throw error;
      if (failures === 0) logger.warn('database unavailable, retrying job update', { error });
      await sleep(backoffMs(failures, firstRetryMs, longestRetryMs));
    }
  }
}

/** The fields as dotted keys under a prefix. */
export const dotted = (prefix: string, fields: object = {}) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${prefix}.${key}`, value]));
