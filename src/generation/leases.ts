import { trusted } from 'mongoose';
import { config } from '../config';
import { activeStates } from '../db/job';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { noChargeProviders } from '../services/providers';
import { isProcessGone, processId } from '../utils/process-id';
import type { Attempt } from './attempt';

const shortestLeaseMs = 3000;
const longestLeaseMs = 15_000;

/** How long a lease lasts without renewal: three polls, within bounds. */
export const leaseMs = Math.min(longestLeaseMs, Math.max(shortestLeaseMs, 3 * config.VIDEO_POLL_INTERVAL_MS));

/** The age at which a queued attempt or a repeated create is no longer safe to submit automatically. */
export const staleAfterMs = 15 * 60 * 1000;

const inActiveState = trusted({ $in: activeStates });
const isActive = { $or: [{ 'job.state': inActiveState }, { 'superseded.state': inActiveState }] };

/** Renews our leases, takes over those that have expired or whose owner is gone, and returns all attempts that are now ours. */
export async function claimLeases(): Promise<Attempt[]> {
  const owners = await Promise.all(
    ['job', 'superseded'].map((field) => Workspace.distinct(`${field}.lease.owner`, isActive)),
  );
  const gone = owners.flat().filter((owner) => isProcessGone(String(owner)));
  const set = {
    job: withLease('$job', gone),
    superseded: { $map: { input: '$superseded', in: withLease('$$this', gone) } },
  };
  await Workspace.updateMany(isActive, [{ $set: set }], { updatePipeline: true });
  const mine = await Workspace.find(isActive, { video: 1, job: 1, superseded: 1 }).lean<StoredWorkspace[]>();
  return mine
    .flatMap(attemptsIn)
    .filter(({ job }) => job.lease.owner === processId && activeStates.includes(job.state));
}

/** The aggregation expression that renews the lease of a job if it is ours, and takes it if it has expired or its owner is gone. */
function withLease(job: string, gone: unknown[]) {
  const { owner, until, epoch } = {
    owner: `${job}.lease.owner`,
    until: `${job}.lease.until`,
    epoch: `${job}.lease.epoch`,
  };
  const isOurs = { $eq: [owner, processId] };
  const isExpired = { $or: [{ $lt: [until, '$$NOW'] }, { $in: [owner, gone] }] };
  const lease = {
    owner: processId,
    until: { $add: ['$$NOW', leaseMs] },
    epoch: { $cond: [isOurs, epoch, { $add: [epoch, 1] }] },
  };
  const isClaimable = { $and: [{ $in: [`${job}.state`, activeStates] }, { $or: [isOurs, isExpired] }] };
  return { $cond: [isClaimable, { $mergeObjects: [job, { lease }] }, job] };
}

/** Every attempt of a stored workspace. */
export const attemptsIn = ({ _id, video, job, superseded }: StoredWorkspace): Attempt[] => [
  ...(job ? [{ workspaceId: String(_id), video, job, isSuperseded: false }] : []),
  ...superseded.map((other) => ({ workspaceId: String(_id), video, job: other, isSuperseded: true })),
];

/**
 * Queued attempts whose lease ended at least 15 minutes ago, because of a long outage or because they come from a backup. In
 * the second case, the original server may have submitted them since.
 */
export async function findStale(): Promise<Attempt[]> {
  const heldBefore = trusted({ $lt: new Date(Date.now() - staleAfterMs) });
  const filter = {
    'job.state': 'queued',
    'job.provider': trusted({ $nin: noChargeProviders }),
    'job.lease.until': heldBefore,
  };
  const found = await Workspace.find(filter as object, { video: 1, job: 1, superseded: 1 }).lean<StoredWorkspace[]>();
  return found.flatMap(attemptsIn).filter(({ isSuperseded }) => !isSuperseded);
}

/** Workspaces with an attempt in doubt. */
export const findInDoubt = (): Promise<StoredWorkspace[]> =>
  Workspace.find(
    { $or: [{ 'job.state': 'in_doubt' }, { 'superseded.state': 'in_doubt' }] },
    { video: 1, job: 1, superseded: 1 },
  ).lean<StoredWorkspace[]>();

/** Ends our leases now, so that another process can take our attempts at once. */
export async function releaseLeases(): Promise<void> {
  const until = new Date();
  await Workspace.updateMany({ 'job.lease.owner': processId }, { $set: { 'job.lease.until': until } });
  await Workspace.updateMany(
    { 'superseded.lease.owner': processId },
    { $set: { 'superseded.$[mine].lease.until': until } },
    { arrayFilters: [{ 'mine.lease.owner': processId }] },
  );
}
