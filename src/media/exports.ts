import { mkdir, readdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import path from 'node:path';
import { exportsInUse } from '../db/export-queue';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { remakeUploadFolders, uploadFolder } from './uploads';

const cachedForMs = 7 * 24 * 3600 * 1000;
const keptFreeBytes = 256 * 1024 ** 2;

/** The finished file of an export; `run` tells the runs of one export apart. */
export const exportFile = (name: string): string => path.join(uploadFolder('exports'), name);
/** The URL path of a finished film. */
export const exportUrl = (name: string): string => `/uploads/exports/${name}`;

const workPrefix = '.work-';

/** An empty folder for one run of an export, beside the finished films; earlier runs of it are removed. */
export async function makeWorkFolder(exportId: string, run: number): Promise<string> {
  remakeUploadFolders();
  await removeWorkFolders(exportId);
  const folder = exportFile(`${workPrefix}${exportId}-${run}`);
  await mkdir(folder);
  await mkdir(cacheFolder(), { recursive: true });
  return folder;
}

/** Removes what all runs of an export have left unfinished. */
export async function removeWorkFolders(exportId: string): Promise<void> {
  const names = await readdir(uploadFolder('exports')).catch(() => []);
  const left = names.filter((name) => name.startsWith(`${workPrefix}${exportId}-`));
  await Promise.all(left.map((name) => rm(exportFile(name), { recursive: true, force: true })));
}

/** Marks the folder of a run as in use. */
export const touchWorkFolder = (folder: string): Promise<void> => touch(folder);

const cacheFolder = () => exportFile('cache');
/** Where an encoded piece is kept for the next export. */
export const cachedFile = (name: string): string => path.join(cacheFolder(), name);

/** Whether a piece is in the cache; if it is, it is kept longer. */
export async function isCached(name: string): Promise<boolean> {
  const found = await stat(cachedFile(name)).catch(() => null);
  if (found) await touch(cachedFile(name));
  return found !== null;
}

const touch = (file: string): Promise<void> => {
  const now = new Date();
  return utimes(file, now, now).catch(() => undefined);
};

/** How many bytes may still be written before the disk counts as full. */
export async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(uploadFolder('exports'));
  return bavail * bsize - keptFreeBytes;
}

/** Throws DISK_FULL when fewer bytes than that may still be written. */
export async function checkDisk(neededBytes: number): Promise<void> {
  remakeUploadFolders();
  if ((await freeBytes()) >= neededBytes) return;
  throw diskFull();
}

export const diskFull = (): AppError =>
  new AppError(
    'DISK_FULL',
    'There is not enough room on the disk of the server for the finished film; free some space and export it again.',
  );

/** Removes finished films and unfinished runs that no export names, and pieces that no export has used for a week. */
export async function sweepExports(): Promise<void> {
  // Read before the exports: what a run makes meanwhile is not in it.
  const found = await readdir(uploadFolder('exports'));
  const { names, running } = await exportsInUse();
  const isOurs = (name: string) => running.has(name.replace(workPrefix, '').split('-')[0]!);
  const left = found.filter((name) => name !== path.basename(cacheFolder()) && !names.has(name) && !isOurs(name));
  for (const name of left) await rm(exportFile(name), { recursive: true, force: true });
  for (const name of await readdir(cacheFolder()).catch(() => [])) {
    const { mtimeMs } = await stat(cachedFile(name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > cachedForMs) await rm(cachedFile(name), { force: true });
  }
  if (left.length > 0) logger.info('unfinished exports removed', { count: left.length });
}
