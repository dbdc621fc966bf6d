import { trusted, type Types } from 'mongoose';
import { AppError } from '../utils/errors';
import { isProcessGone, newWriteId, processId } from '../utils/process-id';
import { Export, type StoredExport } from './export';
import { isDuplicateKey } from './mongodb';

/** The exports of a film that have ended and are kept. */
const endedKept = 20;
const leaseMs = 10_000;
const endedStatuses = ['completed', 'failed', 'cancelled'] as const;
const openStatuses = ['queued', 'running'] as const;
const after = { returnDocument: 'after' } as const;

export const exportNotFound = (): AppError =>
  new AppError('EXPORT_NOT_FOUND', 'There is no export with this id; it may have been deleted. Load the list again.');

/** The exports of a film, newest first. */
export const findExports = (filmId: string): Promise<StoredExport[]> =>
  Export.find({ film_id: filmId }).sort({ created_at: -1, _id: -1 }).lean<StoredExport[]>().exec();

/** Stores new values of an export; returns it, or null if it does not fit the filter any more. */
export const storeExport = (id: Types.ObjectId, filter: object, set: object, unset: object = {}) =>
  Export.findOneAndUpdate(
    { _id: id, ...filter },
    { $set: { ...set, stored_by: newWriteId() }, $unset: unset },
    after,
  ).lean<StoredExport>();

/** Gives this process the export that comes next, unless one is being rendered: first one whose process is gone. */
export async function claimExport(): Promise<StoredExport | null> {
  const [held] = await Export.aggregate<StoredExport & { isExpired: boolean }>([
    { $match: { slot: 'render' } },
    { $set: { isExpired: { $lt: ['$lease.until', '$$NOW'] } } },
  ]);
  if (held) {
    const isFree = held.isExpired || isProcessGone(held.lease?.owner ?? '');
    return isFree ? claim({ _id: held._id, slot: 'render', run: held.run }) : null;
  }
  return claim({ status: 'queued' }).catch((error: unknown) => {
    // Another server was faster.
    if (isDuplicateKey(error)) return null;
    throw error;
  });
}

const claim = (filter: object) =>
  Export.findOneAndUpdate(
    filter,
    [
      {
        $set: {
          slot: 'render',
          status: 'running',
          progress: 0,
          run: { $add: ['$run', 1] },
          lease: { owner: processId, until: { $add: ['$$NOW', leaseMs] } },
          stored_by: newWriteId(),
        },
      },
    ],
    { ...after, updatePipeline: true, sort: { created_at: 1, _id: 1 } },
  ).lean<StoredExport>();

/** What must hold of an export while one run of it goes on. */
export const ofRun = ({ run }: Pick<StoredExport, 'run'>) => ({ status: 'running', slot: 'render', run }) as const;

/** Renews the lease of a run; false if it is not this one's any more. */
export async function renewLease(running: StoredExport): Promise<boolean> {
  const until = { $add: ['$$NOW', leaseMs] };
  const filter = { _id: running._id, ...ofRun(running) };
  const update = [{ $set: { 'lease.until': until } }];
  return (await Export.updateOne(filter, update, { updatePipeline: true })).matchedCount === 1;
}

/** Ends the lease of a run now, so that another process can begin it again at once. */
export async function releaseLease(running: StoredExport): Promise<void> {
  await Export.updateOne({ _id: running._id, ...ofRun(running) }, { $set: { 'lease.until': new Date(0) } });
}

/** Ends a waiting or running export; null if it has ended already. */
export const storeCancelled = (id: Types.ObjectId) =>
  storeExport(
    id,
    { status: trusted({ $in: openStatuses }) },
    { status: 'cancelled', progress: null, completed_at: new Date() },
    { key: 1, slot: 1, lease: 1 },
  );

/** Removes the ended exports of a film beyond those that are kept; returns the names of their files. */
export async function dropOldExports(filmId: Types.ObjectId): Promise<string[]> {
  const ended = { film_id: filmId, status: trusted({ $in: endedStatuses }) };
  const old = await Export.find(ended).sort({ created_at: -1, _id: -1 }).skip(endedKept).lean<StoredExport[]>();
  await Export.deleteMany({ _id: trusted({ $in: old.map(({ _id }) => _id) }) });
  return old.flatMap(({ file }) => (file ? [file] : []));
}

/** The files of all exports, and the ids of those that are being rendered. */
export async function exportsInUse(): Promise<{ names: Set<string>; running: Set<string> }> {
  const all = await Export.find({}, { file: 1, status: 1 }).lean<Pick<StoredExport, '_id' | 'file' | 'status'>[]>();
  return {
    names: new Set(all.flatMap(({ file }) => file ?? [])),
    running: new Set(all.filter(({ status }) => status === 'running').map(({ _id }) => String(_id))),
  };
}

/** The URL paths of all clips, pictures and music that waiting and running exports are made from. */
export async function urlsOfOpenExports(): Promise<string[]> {
  const open = await Export.find({ status: trusted({ $in: openStatuses }) }, { recipe: 1 }).lean<StoredExport[]>();
  return open.flatMap(({ recipe: { shots, music } }) => [
    ...shots.map(({ url }) => url),
    ...(music ? [music.url] : []),
  ]);
}
