import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { trusted } from 'mongoose';
import { config } from '../config';
import { requestIdsKept, takesKept, type Video } from '../contract';
import { followedStates, runningStates } from '../db/mongodb';
import { notApplied, processId, toJson, toSet, Workspace, type Job, type StoredWorkspace } from '../db/mongodb';
import { toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { push } from '../utils/push';
import { freeProviders } from '../services/providers';

/** A paid attempt as this process follows it. */
export type Attempt = { workspaceId: string; job: Job; video: Video };

const shortestLeaseMs = 3000;
const longestLeaseMs = 15_000;

/** How long another process leaves a job alone whose owner has fallen silent: three polls, within bounds. */
export const leaseMs = Math.min(longestLeaseMs, Math.max(shortestLeaseMs, 3 * config.VIDEO_POLL_INTERVAL_MS));

/** The age at which an intent or a repetition is no longer safe to send by itself. */
export const forgottenAfterMs = 15 * 60 * 1000;

const told = { video: 1, takes: 1, version: 1, deleted_at: 1, job: 1 } as const;
const firstRetryMs = 250;
const longestRetryMs = 2000;

let isStopping = false;

/** Lets writes fail from now on instead of waiting for a database that is away. */
export function stopPersisting(): void {
  isStopping = true;
}

/** Matches while everything about the generation is as it was read; the form may be edited meanwhile. */
const asRead = ({ _id, video, takes, job }: StoredWorkspace) => ({
  _id,
  deleted_at: null,
  'video.attempt_id': video.attempt_id,
  'video.status': video.status,
  takes: trusted({ $size: takes.length }),
  ...(takes[0] && { 'takes.0.attempt_id': takes[0].attempt_id }),
  'job.attempt_id': job?.attempt_id ?? null,
  'job.state': job?.state ?? null,
  'job.lease.epoch': job?.lease.epoch ?? null,
});

/**
 * Claim and intent in one write: `video` starts anew, a finished one becomes a take, a job still asked for becomes a late one.
 * Null when the generation changed since it was read.
 */
export async function storeClaim(read: StoredWorkspace, attempt: Attempt, requestId?: string): Promise<Attempt | null> {
  const { job: oldJob, video: oldVideo } = read;
  const isReplaced = oldJob && oldJob.attempt_id !== attempt.job.attempt_id;
  const takes = oldVideo.status === 'completed' ? [oldVideo, ...read.takes].slice(0, takesKept) : read.takes;
  const click = { request_id: requestId, attempt_id: attempt.job.attempt_id };
  const stored = await Workspace.findOneAndUpdate(
    asRead(read),
    {
      ...toSet({ video: attempt.video, takes, job: attempt.job }),
      $push: {
        ...(isReplaced && { late: oldJob }),
        ...(requestId && { clicks: { $each: [click], $slice: -requestIdsKept } }),
      },
    },
    { returnDocument: 'after', projection: told },
  ).lean<StoredWorkspace>();
  if (!stored) return null;
  tell(stored, takes !== read.takes);
  return { ...attempt, job: stored.job! };
}

/**
 * Makes one of the takes the video, in whose place a finished video goes. A job that is still asked for becomes a late one;
 * an unclear one stays where it is, since the next click must still be warned. Null when the generation changed since it was read.
 */
export async function storeChoice(
  read: StoredWorkspace,
  index: number,
  applied?: string,
): Promise<StoredWorkspace | null> {
  const { video, job } = read;
  const takes = read.takes.toSpliced(index, 1, ...(video.status === 'completed' ? [video] : []));
  const isReplaced = job && job.state !== 'unclear';
  const { $push, ...set } = toSet({ video: read.takes[index], takes, ...(isReplaced && { job: null }) }, applied);
  return Workspace.findOneAndUpdate(
    { ...asRead(read), ...notApplied(applied) },
    { ...set, $push: { ...$push, ...(isReplaced && { late: job }) } },
    { returnDocument: 'after' },
  ).lean<StoredWorkspace>();
}

export type Change = {
  video?: Partial<Video>;
  /** null: the attempt has come to its end. */
  job?: Partial<Job> | null;
  /** What else must hold in the document. */
  only?: Record<string, unknown>;
};

/**
 * Stores a step of an attempt, then tells the browsers; waits for a database that is away.
 * False, and nothing stored, when the attempt is no longer ours: taken over, cancelled or replaced.
 */
export async function storeStep(attempt: Attempt, { video, job, only }: Change): Promise<boolean> {
  const set = { ...dotted('video', video), ...(job === null ? { job: null } : dotted('job', job)) };
  const stored = await persist(async (isRetry) => {
    const after = await Workspace.findOneAndUpdate(
      {
        _id: attempt.workspaceId,
        'job.attempt_id': attempt.job.attempt_id,
        'job.lease.epoch': attempt.job.lease.epoch,
        ...only,
      },
      video ? toSet(set) : { $set: set },
      { returnDocument: 'after', projection: told },
    ).lean<StoredWorkspace>();
    if (after || !isRetry || !video?.completed_at) return after;
    // The answer of the first try may be all that was lost; the moment tells our last step from that of another process.
    return Workspace.findOne(
      {
        _id: attempt.workspaceId,
        'video.attempt_id': attempt.job.attempt_id,
        'video.completed_at': video.completed_at,
      },
      told,
    ).lean<StoredWorkspace>();
  });
  if (!stored) return false;
  attempt.video = stored.video;
  if (stored.job) attempt.job = stored.job;
  if (video) tell(stored);
  return true;
}

/**
 * Stores the task id of an accepted attempt, whoever holds its lease by now: the attempt id alone guards the money.
 * Returns the attempt to follow, 'late' when a newer click has replaced it, 'taken' when another process found the task
 * and follows it or has brought it to its end, or null when nobody wants it any more.
 */
export async function storeAccepted(
  workspaceId: string,
  attemptId: string,
  taskId: string,
): Promise<Attempt | 'late' | 'taken' | null> {
  const now = new Date();
  const stored = await persist(() =>
    Workspace.findOneAndUpdate(
      { _id: workspaceId, 'job.attempt_id': attemptId, 'job.task_id': null, 'video.attempt_id': attemptId },
      {
        $set: {
          'job.state': 'following',
          'job.task_id': taskId,
          'job.accepted_at': now,
          'job.lease.owner': processId,
          'job.lease.until': new Date(now.getTime() + leaseMs),
          'video.status': 'generating',
          'video.task_id': taskId,
          'video.phase': 'queued',
          'video.error': null,
          updated_at: now,
        },
        $inc: { version: 1, 'job.lease.epoch': 1 },
      },
      { returnDocument: 'after', projection: told },
    ).lean<StoredWorkspace>(),
  );
  if (stored) {
    tell(stored);
    return { workspaceId, job: stored.job!, video: stored.video };
  }
  const known = await persist(() =>
    Workspace.findOne(
      { _id: workspaceId, $or: ['job', 'video', 'takes'].map((place) => ({ [`${place}.task_id`]: taskId })) },
      told,
    ).lean<StoredWorkspace>(),
  );
  const isOurs = known?.job?.attempt_id === attemptId && known.job.lease.owner === processId;
  if (isOurs) return { workspaceId, job: known.job!, video: known.video };
  if (known) return 'taken';
  const isLate = await persist(() =>
    storeLateAcceptance(workspaceId, attemptId, { task_id: taskId, accepted_at: now }),
  );
  return isLate ? 'late' : null;
}

/** The task of an attempt that a newer click has replaced, or of an unclear one whose video has given way to a take. */
async function storeLateAcceptance(
  workspaceId: string,
  attemptId: string,
  task: Pick<Job, 'task_id' | 'accepted_at'>,
): Promise<boolean> {
  const accepted = { ...task, state: 'overdue' };
  const late = await Workspace.updateOne(
    { _id: workspaceId, late: trusted({ $elemMatch: { attempt_id: attemptId } }) },
    { $set: dotted('late.$', accepted) },
  );
  if (late.matchedCount > 0) return true;
  const unclear = await Workspace.updateOne(
    { _id: workspaceId, 'job.attempt_id': attemptId, 'job.task_id': null },
    [
      {
        $set: { late: { $concatArrays: ['$late', [{ $mergeObjects: ['$job', { $literal: accepted }] }]] }, job: null },
      },
    ],
    { updatePipeline: true },
  );
  return unclear.matchedCount > 0;
}

/** Ends an attempt that a newer click has replaced; a video becomes the first take. */
export async function storeLate({ workspaceId, job }: Attempt, video: Video | null): Promise<void> {
  const stored = await persist(() =>
    Workspace.findOneAndUpdate(
      { _id: workspaceId, 'late.attempt_id': job.attempt_id },
      {
        $pull: { late: { attempt_id: job.attempt_id } },
        ...(video && {
          $push: { takes: { $each: [video], $position: 0, $slice: takesKept } },
          $set: { updated_at: new Date() },
          $inc: { version: 1 },
        }),
      },
      { returnDocument: 'after', projection: told },
    ).lean<StoredWorkspace>(),
  );
  if (stored && video) tell(stored, true);
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

function tell(stored: StoredWorkspace, withTakes = false): void {
  if (!stored.deleted_at) push(statusUpdate(stored, withTakes));
}

/** How many tasks run right now, trash included: those that are paid for, or those that are free. */
export const countRunning = (isFree: boolean): Promise<number> =>
  Workspace.countDocuments({
    'job.state': trusted({ $in: runningStates }),
    'job.provider': trusted(isFree ? { $in: freeProviders } : { $nin: freeProviders }),
  });

/** Keeps our jobs ours, takes over those whose owner is gone, and returns every attempt that is ours now. */
export async function claimLeases(): Promise<Attempt[]> {
  const states = trusted({ $in: followedStates });
  const until = { $add: ['$$NOW', leaseMs] };
  await Workspace.updateMany(
    { 'job.state': states, 'job.lease.owner': processId },
    [{ $set: { 'job.lease.until': until } }],
    { updatePipeline: true },
  );
  const owners = await Workspace.distinct('job.lease.owner', { 'job.state': states });
  const gone = owners.filter((owner) => isGone(String(owner)));
  const taken = await Workspace.updateMany(
    {
      'job.state': states,
      'job.lease.owner': trusted({ $ne: processId }),
      $or: [{ $expr: trusted({ $lt: ['$job.lease.until', '$$NOW'] }) }, { 'job.lease.owner': trusted({ $in: gone }) }],
    },
    [{ $set: { 'job.lease': { owner: processId, until, epoch: { $add: ['$job.lease.epoch', 1] } } } }],
    { updatePipeline: true },
  );
  if (taken.modifiedCount > 0) logger.info('jobs taken over', { count: taken.modifiedCount });
  const mine = await Workspace.find({ 'job.state': states, 'job.lease.owner': processId }, { video: 1, job: 1 }).lean<
    StoredWorkspace[]
  >();
  return mine.map(({ _id, video, job }) => ({ workspaceId: String(_id), video, job: job! }));
}

/**
 * Paid attempts that were not sent and that nobody has held for 15 minutes: from a backup, or a server that was away for
 * long. Whether they were sent since, by the server that the backup is of, cannot be known.
 */
export async function findForgotten(): Promise<Attempt[]> {
  const heldBefore = trusted({ $lt: new Date(Date.now() - forgottenAfterMs) });
  const filter = {
    'job.state': 'waiting',
    'job.provider': trusted({ $nin: freeProviders }),
    'job.lease.until': heldBefore,
  };
  const found = await Workspace.find(filter as object, { video: 1, job: 1 }).lean<StoredWorkspace[]>();
  return found.map(({ _id, video, job }) => ({ workspaceId: String(_id), video, job: job! }));
}

/** Every attempt that a newer click has replaced and that may still bring a video. */
export async function findLate(): Promise<Attempt[]> {
  const found = await Workspace.find({ 'late.attempt_id': trusted({ $exists: true }) }, { video: 1, late: 1 }).lean<
    StoredWorkspace[]
  >();
  return found.flatMap(({ _id, video, late }) => late.map((job) => ({ workspaceId: String(_id), video, job })));
}

/** Lets another process take our jobs at once. */
export async function releaseLeases(): Promise<void> {
  await Workspace.updateMany({ 'job.lease.owner': processId }, { $set: { 'job.lease.until': new Date() } });
}

// A process of this machine that no longer runs: its jobs need not wait for the lease to end.
function isGone(owner: string): boolean {
  const [host, pid] = owner.split(':');
  if (host !== hostname()) return false;
  if (Number(pid) === process.pid) return owner !== processId;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Does a write again until the database is there; what is paid must not depend on one moment. */
async function persist<Result>(write: (isRetry: boolean) => Promise<Result>): Promise<Result> {
  for (let retryMs = firstRetryMs, isRetry = false; ; retryMs = Math.min(retryMs * 2, longestRetryMs), isRetry = true) {
    try {
      return await write(isRetry);
    } catch (error) {
      if (isStopping || toAppError(error).code !== 'DATABASE_UNAVAILABLE') throw error;
      if (!isRetry) logger.warn('database away, a job waits for it', { error });
      await sleep(retryMs);
    }
  }
}

const dotted = (prefix: string, fields: object = {}) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${prefix}.${key}`, value]));
