import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readdir, rename, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { trusted } from 'mongoose';
import { Batch } from '../db/batch';
import { DroppedClip, recordDropped } from '../db/dropped-clips';
import { Export } from '../db/export';
import { Film } from '../db/film';
import { alignTrash } from '../db/film-trash';
import { activeStates } from '../db/job';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { logger } from '../utils/logger';
import { sweepExports } from './exports';
import { countSweep, ownsUploads } from './owner';
import { attemptFields, attemptIdsOf, referredNames } from './references';
import { remakeUploadFolders, uploadFolder, uploadName } from './uploads';

const hourMs = 3600 * 1000;
const orphanAgeMs = 24 * hourMs;
const trashAgeMs = 30 * 24 * hourMs;

/** Sweeps at once and then every hour, until the returned function is called. */
export function startSweeping(): () => void {
  const run = () => void sweep().catch((error: unknown) => logger.warn('files not swept', { error }));
  run();
  const timer = setInterval(run, hourMs);
  return () => clearInterval(timer);
}

/**
 * Does nothing while UPLOAD_DIR belongs to another database. Otherwise removes films and workspaces that have been in the trash for 30
 * days and whose tasks are no longer checked, moves files that nothing refers to to `uploads/trash` (images and music older
 * than 24 hours, and only those clips that this database recorded as dropped), and deletes them from there after 30 days.
 */
export async function sweep(): Promise<void> {
  remakeUploadFolders();
  if (!(await ownsUploads())) return;
  // First, since on a full disk the count could not be stored.
  const removed = await emptyTrash();
  if (!(await countSweep())) return;
  await alignTrash();
  const workspaces = await purgeWorkspaces();
  await purgeFilms();
  await purgeOfGoneFilms();
  await sweepExports();
  await removeOldDoubts();
  const trashed = await trashOrphans();
  await removeOldRecords();
  if (workspaces + trashed + removed > 0) logger.info('swept', { workspaces, trashed, removed });
}

async function emptyTrash(): Promise<number> {
  const files = await oldFiles('trash', trashAgeMs);
  await Promise.all(files.map((file) => rm(file, { force: true })));
  return files.length;
}

/** Removes films that have been in the trash for 30 days, once none of their shots is left. */
async function purgeFilms(): Promise<void> {
  const expired = { deleted_at: trusted({ $lt: new Date(Date.now() - trashAgeMs) }) };
  const old = await Film.distinct('_id', expired);
  const used = await Workspace.distinct('film_id', { film_id: trusted({ $in: old }) });
  await Film.deleteMany({ ...expired, _id: trusted({ $in: old, $nin: used }) });
}

/** Removes the exports and the batches of films that are gone. */
async function purgeOfGoneFilms(): Promise<void> {
  const isGone = { film_id: trusted({ $nin: await Film.distinct('_id') }) };
  await Export.deleteMany(isGone);
  await Batch.deleteMany(isGone);
}

async function purgeWorkspaces(): Promise<number> {
  const expired = {
    deleted_at: trusted({ $lt: new Date(Date.now() - trashAgeMs) }),
    'job.state': trusted({ $nin: activeStates }),
    'superseded.state': trusted({ $nin: activeStates }),
  };
  const found = await Workspace.find(expired, attemptFields).lean<StoredWorkspace[]>();
  await recordDropped(found.flatMap(attemptIdsOf));
  const ids = found.map(({ _id }) => _id);
  return (await Workspace.deleteMany({ ...expired, _id: trusted({ $in: ids }) })).deletedCount;
}

/** Removes attempts in doubt whose second charge a user accepted, once they are too old for a journal entry to turn up. */
async function removeOldDoubts(): Promise<void> {
  const old = {
    state: 'in_doubt',
    risk_accepted: true,
    intent_at: trusted({ $lt: new Date(Date.now() - trashAgeMs) }),
  };
  await Workspace.updateMany({ 'superseded.state': 'in_doubt' }, { $pull: { superseded: old } });
}

/** Moves images and music that nothing refers to, and dropped clips, to the trash; any other clip may be paid, and stays. */
async function trashOrphans(): Promise<number> {
  const sent = [...(await oldFiles('images', orphanAgeMs)), ...(await oldFiles('audio', orphanAgeMs))];
  const clips = await oldFiles('videos', orphanAgeMs);
  if (sent.length + clips.length === 0) return 0;
  const referred = await referredNames();
  const isUnreferred = (file: string) => !referred.has(uploadName(file));
  const loose = clips.filter(isUnreferred);
  const dropped = new Set(await DroppedClip.distinct('_id', { _id: trusted({ $in: loose.map(uploadName) }) }));
  const orphans = [...sent.filter(isUnreferred), ...loose.filter((file) => dropped.has(uploadName(file)))];
  const failures: unknown[] = [];
  for (const file of orphans) await moveToTrash(file).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) {
    logger.warn('files not moved to the trash', { count: failures.length, error: failures[0] });
  }
  return orphans.length - failures.length;
}

async function moveToTrash(file: string): Promise<void> {
  const { base, name, ext } = path.parse(file);
  const target = path.join(uploadFolder('trash'), base);
  const freeTarget = existsSync(target) ? path.join(uploadFolder('trash'), `${name}-${randomUUID()}${ext}`) : target;
  const now = new Date();
  // Before the move, since with its old date it would be deleted from the trash at once.
  await utimes(file, now, now);
  await rename(file, freeTarget);
}

/** Removes the records of dropped clips that are gone. */
async function removeOldRecords(): Promise<void> {
  const records = await DroppedClip.distinct('_id', {
    dropped_at: trusted({ $lt: new Date(Date.now() - trashAgeMs) }),
  });
  const present = new Set((await readdir(uploadFolder('videos'))).map(uploadName));
  const ids = records.filter((id) => !present.has(id));
  if (ids.length > 0) await DroppedClip.deleteMany({ _id: trusted({ $in: ids }) });
}

async function oldFiles(part: 'images' | 'videos' | 'audio' | 'trash', ageMs: number): Promise<string[]> {
  const files = (await readdir(uploadFolder(part))).map((name) => path.join(uploadFolder(part), name));
  const isOld = await Promise.all(files.map((file) => isOlder(file, ageMs)));
  return files.filter((_file, index) => isOld[index]);
}

const isOlder = (file: string, ageMs: number): Promise<boolean> =>
  lstat(file).then(
    (facts) => facts.isFile() && Date.now() - facts.mtimeMs > ageMs,
    // Gone in the meantime.
    () => false,
  );
