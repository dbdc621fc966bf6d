import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../config';

const parts = ['images', 'videos', 'tmp', 'trash'] as const;

let hadNone = false;

/** A part of UPLOAD_DIR, as an absolute path. */
export const uploadFolder = (part: (typeof parts)[number]): string => path.join(config.UPLOAD_DIR, part);

/** A file of a new name in `uploads/tmp`, on the same disk as everything that it may become. */
export const temporaryFile = (): string => path.join(uploadFolder('tmp'), randomBytes(16).toString('hex'));

/** Creates the parts of UPLOAD_DIR where they are missing. */
export async function makeUploadFolders(): Promise<void> {
  for (const part of parts) await mkdir(uploadFolder(part), { recursive: true });
  hadNone = (await listUploads()).length === 0;
}

/** Whether no image and no clip was there at the start: what is there now was made by this process. */
export const startedEmpty = (): boolean => hadNone;

/** The names of all stored images, clips and posters. */
export async function listUploads(): Promise<string[]> {
  const names = await Promise.all([readdir(uploadFolder('images')), readdir(uploadFolder('videos'))]);
  return names.flat().filter((name) => !name.startsWith('.'));
}

/** Removes what a killed process left half written; only for the start, before the first upload. */
export async function sweepTmp(): Promise<void> {
  const names = await readdir(uploadFolder('tmp'));
  await Promise.all(names.map((name) => rm(path.join(uploadFolder('tmp'), name), { recursive: true, force: true })));
}
