import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../config';
import { makeUsable } from '../utils/usable-folder';

const parts = ['images', 'videos', 'tmp', 'trash'] as const;
const leftoverAgeMs = 3600 * 1000;

let hadNone = false;

/** A part of UPLOAD_DIR, as an absolute path. */
export const uploadFolder = (part: (typeof parts)[number]): string => path.join(config.UPLOAD_DIR, part);

/** A file of a new name in `uploads/tmp`, on the same disk as everything that it may become. */
export const temporaryFile = (): string => path.join(uploadFolder('tmp'), randomBytes(16).toString('hex'));

/** Creates UPLOAD_DIR and its parts where they are missing; throws one sentence where they cannot be used. */
export async function makeUploadFolders(): Promise<void> {
  for (const folder of [config.UPLOAD_DIR, ...parts.map(uploadFolder)]) await makeUsable(folder, 'UPLOAD_DIR');
  hadNone = (await listUploads()).length === 0;
}

/** The name by which workspaces know a file: an image or a clip, with its poster and its original. */
export const uploadName = (file: string): string => path.basename(file).split('.')[0]!;

/** Whether no image and no clip was there at the start: what is there now was made by this process. */
export const startedEmpty = (): boolean => hadNone;

/** The names of all stored images, clips, posters and originals. */
export async function listUploads(): Promise<string[]> {
  const names = await Promise.all([readdir(uploadFolder('images')), readdir(uploadFolder('videos'))]);
  return names.flat().filter((name) => !name.startsWith('.'));
}

/** Removes what a killed process left half written; what is younger may be the work of another server that runs. */
export async function sweepTmp(): Promise<void> {
  const files = (await readdir(uploadFolder('tmp'))).map((name) => path.join(uploadFolder('tmp'), name));
  for (const file of files) {
    // Gone in the meantime, so not old.
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > leftoverAgeMs) await rm(file, { recursive: true, force: true });
  }
}
