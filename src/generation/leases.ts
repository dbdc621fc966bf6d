import { trusted } from 'mongoose';
import { config } from '../config';
import { activeStates } from '../db/job';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { noChargeProviders } from '../services/providers';
import { isProcessGone, processId } from '../utils/process-id';
import type { Attempt } from './attempt';

const shortestLeaseMs = 3000;
const longestLeaseMs = 15_000;

/** How long another process leaves an attempt alone whose owner has fallen silent: three polls, within bounds. */
export const leaseMs = Math.min(longestLeaseMs, Math.max(shortestLeaseMs, 3 * config.VIDEO_POLL_INTERVAL_MS));

/** The age at which an intent or a repetition is no longer safe to send by itself. */
export const forgottenAfterMs = 15 * 60 * 1000;

const inActiveState = trusted({ $in: activeStates });
const isActive = { $or: [{ 'job.state': inActiveState }, { 'superseded.state': inActiveState }] };

/** Keeps our attempts ours, takes over those whose owner is gone, and returns every attempt that is ours now. */
export async function claimLeases(): Promise<Attempt[]> {
  const owners = await Promise.all(
    ['job', 'superseded'].map((place) => Workspace.distinct(`${place}.lease.owner`, isActive)),
  );
  const gone = owners.flat().filter((owner) => isProcessGone(String(owner)));
  const set = {
    job: renewed('$job', gone),
    superseded: { $map: { input: '$superseded', in: renewed('$$this', gone) } },
  };
  await Workspace.updateMany(isActive, [{ $set: set }], { updatePipeline: true });
  const mine = await Workspace.find(isActive, { video: 1, job: 1, superseded: 1 }).lean<StoredWorkspace[]>();
  return mine
    .flatMap(attemptsIn)
    .filter(({ job }) => job.lease.owner === processId && activeStates.includes(job.state));
}

/** The expression of a job with its lease: prolonged where it is ours, taken where its owner is gone or silent. */
function renewed(job: string, gone: unknown[]) {
  const { owner, until, epoch } = {
    owner: `${job}.lease.owner`,
    until: `${job}.lease.until`,
    epoch: `${job}.lease.epoch`,
  };
  const isOurs = { $eq: [owner, processId] };
  const isFree = { $or: [{ $lt: [until, '$$NOW'] }, { $in: [owner, gone] }] };
  const lease = {
    owner: processId,
    until: { $add: ['$$NOW', leaseMs] },
    epoch: { $cond: [isOurs, epoch, { $add: [epoch, 1] }] },
  };
  const isWanted = { $and: [{ $in: [`${job}.state`, activeStates] }, { $or: [isOurs, isFree] }] };
  return { $cond: [isWanted, { $mergeObjects: [job, { lease }] }, job] };
}

/** Every attempt of a stored workspace. */
export const attemptsIn = ({ _id, video, job, superseded }: StoredWorkspace): Attempt[] => [
  ...(job ? [{ workspaceId: String(_id), video, job, isSuperseded: false }] : []),
  ...superseded.map((other) => ({ workspaceId: String(_id), video, job: other, isSuperseded: true })),
];

/**
 * Attempts that were not sent and that nobody has held for 15 minutes: from a backup, or a server that was down for long.
 * Whether they were sent since, by the server that the backup is of, cannot be known.
 */
export async function findForgotten(): Promise<Attempt[]> {
  const heldBefore = trusted({ $lt: new Date(Date.now() - forgottenAfterMs) });
  const filter = {
    'job.state': 'queued',
    'job.provider': trusted({ $nin: noChargeProviders }),
    'job.lease.until': heldBefore,
  };
  const found = await Workspace.find(filter as object, { video: 1, job: 1, superseded: 1 }).lean<StoredWorkspace[]>();
  return found.flatMap(attemptsIn).filter(({ isSuperseded }) => !isSuperseded);
}

/** Workspaces with an attempt of which nobody knows whether it was accepted. */
export const findDoubtful = (): Promise<StoredWorkspace[]> =>
  Workspace.find(
    { $or: [{ 'job.state': 'in_doubt' }, { 'superseded.state': 'in_doubt' }] },
    { video: 1, job: 1, superseded: 1 },
  ).lean<StoredWorkspace[]>();

/** Lets another process take our attempts at once. */
export async function releaseLeases(): Promise<void> {
  const until = new Date();
  await Workspace.updateMany({ 'job.lease.owner': processId }, { $set: { 'job.lease.until': until } });
  await Workspace.updateMany(
    { 'superseded.lease.owner': processId },
    { $set: { 'superseded.$[mine].lease.until': until } },
    { arrayFilters: [{ 'mine.lease.owner': processId }] },
  );
}
