import { trusted } from 'mongoose';
import type { ErrorCode } from '../contract/errors';
import type { Charge as WireCharge } from '../contract/money';
import { Charge, toWireCharge, type StoredCharge } from '../db/charge';
import { versionedUpdate } from '../db/updates';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { settledSentence } from '../services/provider-errors';
import { currencyOf } from '../services/providers';
import { AppError } from '../utils/errors';
import { readFields } from './attempt';
import { broadcast } from './store';

type Settlement = { attempt_id: string; charged: boolean; micros?: number };

/**
 * Settles an unclear charge with what the user found in the account at the vendor; the video says so too, and its workspace may generate
 * again. Throws NOT_UNCLEAR for any other charge.
 */
export async function settleCharge({ attempt_id: attemptId, charged, micros }: Settlement): Promise<WireCharge> {
  const found = await Charge.findOne({ attempt_id: attemptId, state: 'maybe' }).lean<StoredCharge>();
  if (!found) throw notUnclear();
  const currency = found.cost?.currency ?? currencyOf(found.provider);
  const cost =
    charged && micros !== undefined ? ({ currency, micros, basis: 'actual', priced_on: null } as const) : found.cost;
  // The workspace first: after an end in between, the charge is still unclear and can be settled again.
  await settleInWorkspace({ ...found, cost }, charged);
  const settled = await Charge.findOneAndUpdate(
    { attempt_id: attemptId, state: 'maybe' },
    { $set: { state: charged ? 'charged' : 'none', cost, settled_at: new Date() } },
    { returnDocument: 'after' },
  ).lean<StoredCharge>();
  if (!settled) throw notUnclear();
  return toWireCharge(settled);
}

async function settleInWorkspace(charge: StoredCharge, charged: boolean): Promise<void> {
  const { workspace_id: _id, attempt_id: attemptId, provider, cost } = charge;
  const isInDoubt = { attempt_id: attemptId, state: 'in_doubt' };
  await Workspace.updateOne(
    { _id, 'job.attempt_id': attemptId, 'job.state': 'in_doubt' },
    { $set: { 'job.risk_accepted': true } },
  );
  await Workspace.updateOne(
    { _id, superseded: trusted({ $elemMatch: isInDoubt }) },
    { $set: { 'superseded.$.risk_accepted': true } },
  );
  const isUnclear = { _id, 'video.attempt_id': attemptId, 'video.error.charged': 'maybe' };
  const read = await Workspace.findOne(isUnclear, readFields).lean<StoredWorkspace>();
  if (!read) return;
  const isLost = read.video.error?.code === ('SUBMIT_UNKNOWN' satisfies ErrorCode);
  const stored = await Workspace.findOneAndUpdate(
    isUnclear,
    versionedUpdate({
      'video.error.charged': charged ? 'yes' : 'no',
      'video.cost': cost,
      ...(isLost && { 'video.error.message': settledSentence(provider, charged) }),
    }),
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
  if (stored) broadcast(stored);
}

const notUnclear = (): AppError =>
  new AppError(
    'NOT_UNCLEAR',
    'It is known whether this was charged, or there is no charge of this attempt; load the costs again.',
  );
