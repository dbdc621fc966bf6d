import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { mongo, trusted } from 'mongoose';
import { takesKept, type Video } from '../contract/video';
import { recordDropped } from '../db/dropped-clips';
import type { Job } from '../db/job';
import { toSet } from '../db/updates';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import { backoffMs } from '../utils/backoff';
import { toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { isOwnStamp, ownStamp, processId } from '../utils/process-id';
import { push } from '../utils/push';
import { isNoCharge, LeaseLost, ownsVideo, readFields, takeOf, type Attempt } from './attempt';
import type { AcceptedTask } from './journal';
import { leaseMs } from './leases';

const firstRetryMs = 250;
const longestRetryMs = 2000;
const stepRaces = 10;

let isStopping = false;

/** Lets writes fail from now on instead of waiting for a database that is away. */
export function stopPersisting(): void {
  isStopping = true;
}

export type Change = {
  /** What the video says from now on, as long as it is the attempt's; a finished one that is not becomes a take. */
  video?: Partial<Video>;
  /** null: the attempt has come to its end. */
  job: Partial<Job> | null;
  /** Whether the video says it although the user cancelled the attempt. */
  isLastWord?: boolean;
};

/**
 * Stores one step of an attempt exactly once, wherever the attempt lies by now, then tells the browsers; waits for a database
 * that is away. Throws LeaseLost, and has stored nothing, when another process brings the attempt forward or it has ended.
 */
export async function storeStep(attempt: Attempt, change: Change): Promise<void> {
  const step = randomUUID();
  const { state } = attempt.job;
  await persist(async (isRetry) => {
    // A take must know the takes before it, and a repetition whether it is done.
    let known: Found | null =
      isRetry || change.video?.status === 'completed' ? await findAttempt(attempt) : { attempt };
    for (let race = 0; race < stepRaces; race++) {
      if (!known && isRetry && change.job === null) return tellPresent(attempt);
      if (known?.attempt.job.lease.epoch !== attempt.job.lease.epoch) throw new LeaseLost();
      // Brought forward since by another follower: what this one is about to do was done, or is not to be done any more.
      const { job } = known.attempt;
      if (job.state !== state && job.step !== step && !isStored(job, change)) throw new LeaseLost();
      Object.assign(attempt, known.attempt);
      if (attempt.job.step === step) return tellPresent(attempt);
      const stored = await writeStep(attempt, change, step, known.takes);
      if (stored) return tell(attempt, stored);
      known = await findAttempt(attempt);
    }
    throw new LeaseLost();
  });
}

/** Whether a job holds all of a change: it was stored, and a cancellation came on top of it. */
const isStored = (job: Job, change: Change): boolean =>
  change.job !== null &&
  Object.entries(change.job).every(([key, value]) => isDeepStrictEqual(job[key as keyof Job], value));

type Found = { attempt: Attempt; takes?: Video[] };
type Told = { stored: StoredWorkspace; isTold: boolean; withTakes: boolean };

async function findAttempt({ workspaceId, job }: Attempt): Promise<Found | null> {
  const filter = {
    _id: workspaceId,
    $or: [{ 'job.attempt_id': job.attempt_id }, { 'superseded.attempt_id': job.attempt_id }],
  };
  const stored = await Workspace.findOne(filter, readFields).lean<StoredWorkspace>();
  const attempt = stored && attemptIn(stored, job.attempt_id);
  return attempt && { attempt, takes: stored.takes };
}

/** The attempt as it lies in a stored workspace; null where it has ended. */
export function attemptIn({ _id, video, job, superseded }: StoredWorkspace, attemptId: string): Attempt | null {
  const isSuperseded = job?.attempt_id !== attemptId;
  const found = isSuperseded ? superseded.find((other) => other.attempt_id === attemptId) : job;
  return found ? { workspaceId: String(_id), job: found, video, isSuperseded } : null;
}

/** The step as one write, against exactly what is known of the attempt and its video; null where anything of it has changed. */
async function writeStep(
  attempt: Attempt,
  { video, job, isLastWord }: Change,
  step: string,
  takes: Video[] | undefined,
): Promise<Told | null> {
  const { workspaceId, isSuperseded, video: shown, job: known } = attempt;
  const mine = { attempt_id: known.attempt_id, step: known.step, 'lease.epoch': known.lease.epoch };
  const isOwner = ownsVideo(attempt) || (isLastWord && shown.attempt_id === known.attempt_id);
  const said = isOwner ? dotted('video', video) : billOf(attempt, video);
  const take = !isOwner && video?.status === 'completed' ? takeOf(attempt, video) : null;
  const isTold = take !== null || Object.keys(said).length > 0;
  if (take && takes) await recordDropped(takes.slice(takesKept - 1).map((dropped) => dropped.attempt_id!));

  const place = isSuperseded ? 'superseded.$' : 'job';
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
        ...said,
        ...(isTold && { updated_at: new Date(), stored_by: ownStamp() }),
        ...(job ? dotted(place, { ...job, step }) : !isSuperseded && { job: null }),
      },
      ...(isTold && { $inc: { version: 1 } }),
      ...(!job && isSuperseded && { $pull: { superseded: { attempt_id: known.attempt_id } } }),
      // The clip that is shown stays the first: a late one goes before it only where the video itself is shown.
      ...(take && {
        $push: { takes: { $each: [take], $position: shown.status === 'completed' ? 0 : 1, $slice: takesKept } },
      }),
    },
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
  return stored && { stored, isTold, withTakes: take !== null };
}

/** A cancelled video goes on saying that it was cancelled, and says what that costs as soon as it is known. */
function billOf({ job, video: shown }: Attempt, video: Partial<Video> | undefined): object {
  if (shown.attempt_id !== job.attempt_id || shown.error?.code !== 'CANCELLED' || isNoCharge(job.provider)) return {};
  const isMade = video?.status === 'completed' || video?.phase === 'downloading';
  const charged = isMade ? 'yes' : video?.error?.charged;
  return charged && charged !== shown.error.charged ? { 'video.error.charged': charged } : {};
}

/** What a step has stored whose answer was lost, and so was not told; what another server stored its change stream tells. */
async function tellPresent(attempt: Attempt): Promise<void> {
  const stored = await Workspace.findOne({ _id: attempt.workspaceId }, readFields).lean<StoredWorkspace>();
  if (stored) tell(attempt, { stored, isTold: isOwnStamp(stored.stored_by), withTakes: stored.takes.length > 0 });
}

function tell(attempt: Attempt, { stored, isTold, withTakes }: Told): void {
  Object.assign(attempt, attemptIn(stored, attempt.job.attempt_id) ?? { video: stored.video });
  if (isTold) broadcast(stored, withTakes);
}

/**
 * Whether an attempt that is about to be sent is still ours and wanted: not in the trash, not cancelled, not superseded.
 * Where sending is how its fate is learned (`toLearn`), the trash alone counts.
 */
export const isWanted = ({ workspaceId, job }: Attempt, { toLearn = false } = {}): Promise<boolean> =>
  persist(async () => {
    const mine = { attempt_id: job.attempt_id, 'lease.epoch': job.lease.epoch };
    const wanted = toLearn
      ? { $or: [dotted('job', mine), { superseded: trusted({ $elemMatch: mine }) }] }
      : dotted('job', { ...mine, cancelled_at: null });
    return (await Workspace.exists({ _id: workspaceId, deleted_at: null, ...wanted })) !== null;
  });

/**
 * Stores the task id of an accepted attempt, whoever holds its lease by now: the attempt id alone guards the money.
 * Returns the attempt as this process is to follow it, 'taken' when the task is known already and followed or ended elsewhere,
 * or 'unknown' when the database has no such attempt.
 */
export function storeAccepted(task: AcceptedTask): Promise<Attempt | 'taken' | 'unknown'> {
  const { workspace_id: workspaceId, attempt_id: attemptId, task_id: taskId } = task;
  return persist(async (isRetry) => {
    for (;;) {
      const filter = { _id: workspaceId };
      const read = await Workspace.findOne(filter, { ...readFields, clicks: 1 }).lean<StoredWorkspace>();
      const attempt = read && attemptIn(read, attemptId);
      if (!attempt) return read && hasEnded(read, attemptId) ? 'taken' : 'unknown';
      if (attempt.job.task_id) {
        if (isRetry && isOwnStamp(read.stored_by)) broadcast(read);
        return attempt.job.lease.owner === processId ? attempt : 'taken';
      }
      const stored = await writeAccepted(attempt, taskId);
      if (!stored) continue;
      broadcast(stored);
      return attemptIn(stored, attemptId)!;
    }
  });
}

const hasEnded = ({ video, takes, clicks }: StoredWorkspace, attemptId: string): boolean =>
  [video, ...takes, ...clicks].some((known) => known.attempt_id === attemptId);

function writeAccepted(attempt: Attempt, taskId: string): Promise<StoredWorkspace | null> {
  const { workspaceId, isSuperseded, video, job } = attempt;
  const now = new Date();
  const mine = { attempt_id: job.attempt_id, step: job.step, task_id: null };
  const lease = { owner: processId, until: new Date(now.getTime() + leaseMs), epoch: job.lease.epoch + 1 };
  const accepted = { state: 'polling', task_id: taskId, accepted_at: now, step: randomUUID(), lease };
  const running = { status: 'generating', phase: 'queued', task_id: taskId, error: null, completed_at: null };
  const isShown = video.attempt_id === job.attempt_id;
  return Workspace.findOneAndUpdate(
    {
      _id: workspaceId,
      'video.attempt_id': video.attempt_id,
      ...(isSuperseded ? { superseded: trusted({ $elemMatch: mine }) } : dotted('job', mine)),
    },
    toSet({
      ...dotted(isSuperseded ? 'superseded.$' : 'job', accepted),
      ...(isShown && dotted('video', job.cancelled_at ? { task_id: taskId } : running)),
    }),
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
}

/** The message that tells what became of a video. */
export const statusUpdate = (stored: StoredWorkspace, withTakes = false) =>
  ({
    type: 'video.status_update',
    workspace_id: String(stored._id),
    video: toJson<Video>(stored.video),
    version: stored.version,
    ...(withTakes && { takes: toJson<Video[]>(stored.takes) }),
  }) as const;

/** Tells every browser what became of a video, unless its workspace is in the trash. */
export function broadcast(stored: StoredWorkspace, withTakes = false): void {
  if (!stored.deleted_at) push(statusUpdate(stored, withTakes));
}

/** Repeats a write on every fault of the database, whatever its code: what is paid must not depend on one moment. */
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

/** Fields as dotted keys below a prefix. */
export const dotted = (prefix: string, fields: object = {}) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${prefix}.${key}`, value]));
