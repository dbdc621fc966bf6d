import { trusted, type Types } from 'mongoose';
import type { Cost } from '../contract/money';
import { Batch, type BatchItem, type StoredBatch } from '../db/batch';
import { AppError } from '../utils/errors';
import { isProcessGone, newWriteId, processId } from '../utils/process-id';
import { tellBatch } from './broadcast';

const leaseMs = 10_000;
/** The batches of a film that have ended and are kept. */
const endedKept = 20;
const newestFirst = { created_at: -1, _id: -1 } as const;

type Changed = Partial<Pick<StoredBatch, 'status' | 'items'>>;

/** The stored batch with that id; throws BATCH_NOT_FOUND. */
export async function findBatch(batchId: string): Promise<StoredBatch> {
  const found = await Batch.findById(batchId).lean<StoredBatch>();
  if (found) return found;
  throw new AppError('BATCH_NOT_FOUND', 'There is no batch with this id; load the list again.');
}

/** The newest 20 batches of a film, newest first. */
export const findBatches = (filmId: string): Promise<StoredBatch[]> =>
  Batch.find({ film_id: filmId }).sort(newestFirst).limit(endedKept).lean<StoredBatch[]>().exec();

/** The running batches of a film, newest first. */
export const findRunning = (filmId: string): Promise<StoredBatch[]> =>
  Batch.find({ film_id: filmId, status: 'running' }).sort(newestFirst).lean<StoredBatch[]>().exec();

/** What each shot that waits in a running batch was planned to cost, with its film. */
export async function findPledged(): Promise<{ filmId: string; cost: Cost | null }[]> {
  const running = await Batch.find({ status: 'running' }, { film_id: 1, items: 1 }).lean<StoredBatch[]>();
  return running.flatMap(({ film_id: filmId, items }) =>
    items
      .filter(({ state }) => state === 'waiting' || state === 'starting')
      .map(({ cost }) => ({ filmId: String(filmId), cost })),
  );
}

/**
 * Changes a batch as it is stored at that moment, and broadcasts it; returns it, unchanged where `change` returns null. Once its last
 * item has ended, the batch has.
 */
export async function changeBatch(
  batchId: Types.ObjectId | string,
  change: (stored: StoredBatch) => Changed | null,
): Promise<StoredBatch> {
  for (;;) {
    const read = await findBatch(String(batchId));
    const changed = change(read);
    if (!changed) return read;
    const stored = await Batch.findOneAndUpdate(
      { _id: batchId, revision: read.revision },
      { $set: { ...changed, ...endOf({ ...read, ...changed }), stored_by: newWriteId() }, $inc: { revision: 1 } },
      { returnDocument: 'after' },
    ).lean<StoredBatch>();
    if (!stored) continue;
    tellBatch(stored);
    return stored;
  }
}

/** Changes the item of a shot if it is in that state and not started; false if it is not. */
export async function changeItem(
  batchId: Types.ObjectId,
  workspaceId: string,
  from: BatchItem['state'],
  to: (item: BatchItem) => BatchItem,
): Promise<boolean> {
  let isChanged = false;
  await changeBatch(batchId, ({ items }) => {
    const index = items.findIndex((item) => item.workspace_id === workspaceId);
    const item = items[index]!;
    isChanged = item.state === from && item.attempt_id === null;
    return isChanged ? { items: items.with(index, to(item)) } : null;
  });
  return isChanged;
}

/** Which shots of a batch are open, and whether it has ended with the last of them. */
export function endOf({
  status,
  items,
  completed_at: endedAt,
}: Pick<StoredBatch, 'status' | 'items' | 'completed_at'>) {
  const open = items.filter(isOpen).map(({ workspace_id }) => workspace_id);
  if (open.length > 0) return { open };
  const ended = status === 'running' ? ('completed' as const) : status;
  return { open, status: ended, completed_at: endedAt ?? new Date() };
}

/** Whether a shot of a batch has not ended. */
export const isOpen = ({ state }: Pick<BatchItem, 'state'>): boolean =>
  state === 'waiting' || state === 'starting' || state === 'generating';

/** Gives this process the batches that have not ended and that no other living process runs. */
export async function claimBatches(): Promise<StoredBatch[]> {
  const unfinished = { completed_at: null };
  const owners = await Batch.distinct('lease.owner', unfinished);
  if (owners.length === 0) return [];
  const free = [processId, ...owners.filter((owner) => isProcessGone(String(owner)))];
  const isFree = { $or: [{ $in: ['$lease.owner', free] }, { $lt: ['$lease.until', '$$NOW'] }] };
  const lease = { owner: processId, until: { $add: ['$$NOW', leaseMs] } };
  const claim = [{ $set: { lease: { $cond: [isFree, lease, '$lease'] } } }];
  await Batch.updateMany(unfinished, claim, { updatePipeline: true });
  const mine = { ...unfinished, 'lease.owner': processId };
  return Batch.find(mine).sort({ created_at: 1, _id: 1 }).lean<StoredBatch[]>().exec();
}

/** Ends our leases now, so that another process can run our batches at once. */
export async function releaseBatches(): Promise<void> {
  await Batch.updateMany({ 'lease.owner': processId }, { $set: { 'lease.until': new Date(0) } });
}

/** Removes the ended batches of a film beyond those that are kept. */
export async function dropOldBatches(filmId: Types.ObjectId): Promise<void> {
  const ended = { film_id: filmId, completed_at: trusted({ $ne: null }) };
  const old = await Batch.find(ended, { _id: 1 }).sort(newestFirst).skip(endedKept).lean();
  if (old.length > 0) await Batch.deleteMany({ _id: trusted({ $in: old.map(({ _id }) => _id) }) });
}
