import { trusted } from 'mongoose';
import { emptyForm } from '../contract/defaults';
import type { Charge as WireCharge, Cost } from '../contract/money';
import type { Video } from '../contract/video';
import { chargeState, recordCharge } from '../costs/ledger';
import { estimateOf } from '../costs/prices';
import { settleLatest, takeBack } from '../costs/reserve';
import { addCharge, Charge, Spend, type StoredCharge } from '../db/charge';
import { madeStates, type Job } from '../db/job';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { allVideoProviders, noChargeProviders } from '../services/providers';
import { logger } from '../utils/logger';
import { isProcessGone } from '../utils/process-id';
import { attemptsIn } from './leases';
import { attemptIn } from './store';

const everyMs = 60_000;
/** After that, a reservation without an attempt belongs to no click that is still being stored. */
const claimedWithinMs = 60_000;
/** For so long a process may have stood still and still find that its reservation was taken back. */
const takenBackKeptMs = 24 * 3600 * 1000;

const readFields = { film_id: 1, video: 1, takes: 1, clicks: 1, job: 1, superseded: 1 } as const;

/** Reconciles once a minute, until the returned function is called. */
export function startReconciling(): () => void {
  const timer = setInterval(() => {
    reconcileCharges().catch((error: unknown) => logger.warn('charges not reconciled', { error }));
  }, everyMs);
  return () => clearInterval(timer);
}

/**
 * Makes the charges agree with the attempts, after a process that ended between two writes: a reservation whose attempt has ended gets
 * its outcome, one whose attempt was never stored is taken back.
 */
export async function reconcileCharges(): Promise<void> {
  await settleLatest();
  const open = await Charge.find({ state: 'reserved' }).lean<StoredCharge[]>();
  const workspaces = await workspacesOf(open);
  for (const charge of open) await reconcile(charge, workspaces.get(String(charge.workspace_id)));
  await removeTakenBack();
}

async function workspacesOf(charges: StoredCharge[]): Promise<Map<string, StoredWorkspace>> {
  const ids = charges.map((charge) => charge.workspace_id);
  const found = await Workspace.find({ _id: trusted({ $in: ids }) }, readFields).lean<StoredWorkspace[]>();
  return new Map(found.map((workspace) => [String(workspace._id), workspace]));
}

async function reconcile(charge: StoredCharge, workspace: StoredWorkspace | undefined): Promise<void> {
  const { attempt_id: attemptId, owner, started_at: startedAt, epoch } = charge;
  const attempt = workspace && attemptIn(workspace, attemptId);
  if (attempt) {
    const state = stateOf(attempt.job);
    if (state !== 'reserved') await recordCharge(attempt.job, { state });
    return;
  }
  const asOf = (lease: number) => ({ ...charge, lease: { owner, until: startedAt, epoch: lease } });
  const video = workspace && videoIn(workspace, attemptId);
  if (video) {
    const charged = video.status === 'completed' ? 'yes' : (video.error?.charged ?? 'maybe');
    // A completed video has a cost of its own, which may be newer than that of the charge.
    const cost = video.cost ?? undefined;
    // It was stored, so its charge stays, even if nothing was recorded before it ended.
    return recordCharge(asOf(Math.max(1, epoch)), { state: chargeState(charged), cost });
  }
  const isAbandoned = isProcessGone(owner) || Date.now() - startedAt.getTime() > claimedWithinMs;
  if (!isAbandoned) return;
  // Every outcome but "never sent" is recorded before its attempt is gone; one that was sent and is gone is unclear.
  if (epoch === 0) await takeBack(attemptId);
  else await recordCharge(asOf(epoch), { state: 'maybe' });
}

const videoIn = ({ video, takes, clicks }: StoredWorkspace, attemptId: string): Video | null | undefined =>
  [video, ...takes].find((known) => known.attempt_id === attemptId) ??
  clicks.find((click) => click.attempt_id === attemptId)?.outcome;

/** The state of the charge of an attempt that has not ended. */
function stateOf({ state, cancelled_at: cancelledAt }: Job): WireCharge['state'] {
  if (madeStates.includes(state)) return 'charged';
  const isUnclear = state === 'in_doubt' || state === 'timed_out' || (cancelledAt !== null && state !== 'queued');
  return isUnclear ? 'maybe' : 'reserved';
}

/** Removes the reservations that were taken back. */
async function removeTakenBack(): Promise<void> {
  const spend = await Spend.findOne({}, { 'latest.attempt_id': 1 }).lean<{ latest: StoredCharge | null }>();
  await Charge.deleteMany({
    state: 'none',
    epoch: 0,
    attempt_id: trusted({ $ne: spend?.latest?.attempt_id ?? null }),
    started_at: trusted({ $lt: new Date(Date.now() - takenBackKeptMs) }),
  });
}

/** Adds a charge for every unfinished paid attempt without one, as a version without charges left them. */
export async function addMissingCharges(): Promise<void> {
  const isPaid = trusted({ $exists: true, $nin: [null, ...noChargeProviders] });
  const filter = { $or: [{ 'job.provider': isPaid }, { 'superseded.provider': isPaid }] };
  const found = await Workspace.find(filter, readFields).lean<StoredWorkspace[]>();
  const jobs = found.flatMap((workspace) =>
    attemptsIn(workspace).map(({ job }) => ({ job, film_id: workspace.film_id, workspace_id: workspace._id })),
  );
  const paid = jobs.filter(({ job }) => !noChargeProviders.includes(job.provider));
  const ids = paid.map(({ job }) => job.attempt_id);
  const known = new Set(await Charge.distinct('attempt_id', { attempt_id: trusted({ $in: ids }) }));
  for (const { job, ...place } of paid) if (!known.has(job.attempt_id)) await addCharge({ ...place, ...chargeOf(job) });
}

/** The estimate for an attempt of a version that knew no prices. */
function estimateFor({ provider: name, model: id, form_data: form }: Job): Cost | null {
  const model = allVideoProviders()
    .find((provider) => provider.name === name)
    ?.models.find((candidate) => candidate.id === id);
  return model ? estimateOf(model, { ...emptyForm, ...form }) : null;
}

const chargeOf = (job: Job): Omit<StoredCharge, 'workspace_id' | 'film_id'> => ({
  attempt_id: job.attempt_id,
  provider: job.provider,
  model: job.model,
  state: stateOf(job),
  cost: job.cost ?? estimateFor(job),
  accept_over_limit: false,
  accept_unknown_price: false,
  started_at: job.intent_at,
  settled_at: null,
  owner: job.lease.owner,
  epoch: job.lease.epoch,
});
