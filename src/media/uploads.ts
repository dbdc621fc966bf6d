import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../config';
import { folderFault, makeUsable } from '../utils/usable-folder';

const parts = ['images', 'videos', 'tmp', 'trash'] as const;
const leftoverAgeMs = 3600 * 1000;

let hadNone = false;

/** A part of UPLOAD_DIR, as an absolute path. */
export const uploadFolder = (part: (typeof parts)[number]): string => path.join(config.UPLOAD_DIR, part);

/** A file of a new name in `uploads/tmp`, on the same disk as everything that it may become; makes the folders where they are gone. */
export function temporaryFile(): string {
  remakeUploadFolders();
  return path.join(uploadFolder('tmp'), randomBytes(16).toString('hex'));
}

/** A hidden file beside one that it is to become: a part of UPLOAD_DIR may lie on a disk of its own. */
export function draftOf(target: string): string {
  remakeUploadFolders();
  return path.join(path.dirname(target), `.${randomBytes(16).toString('hex')}`);
}

/** Makes the parts of UPLOAD_DIR again that were cleaned away while the server runs; one that cannot be made is met by what writes there. */
export function remakeUploadFolders(): void {
  for (const part of parts) {
    try {
      mkdirSync(uploadFolder(part), { recursive: true });
    } catch {
      continue;
    }
  }
}

/** What keeps the parts of UPLOAD_DIR from being used, in words for `/health`: what is gone is made again, the rest is a problem. */
export async function uploadFaults(): Promise<{ problems: string[]; warnings: string[] }> {
  const codes = await Promise.all(parts.map(uploadFolder).map(folderFault));
  const gone = parts.filter((_part, index) => codes[index] === 'ENOENT');
  const unusable = parts.filter((_part, index) => codes[index] && codes[index] !== 'ENOENT');
  return {
    problems: unusable.map(
      (part) =>
        `the folder ${part} in UPLOAD_DIR cannot be used (${codes[parts.indexOf(part)]}); check its rights and its disk`,
    ),
    warnings: gone.map(
      (part) => `the folder ${part} in UPLOAD_DIR was removed; it is made again when needed, put back what was in it`,
    ),
  };
}

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
  const inParts = parts.map(async (part) => {
    const names = await readdir(uploadFolder(part));
    return names
      .filter((name) => part === 'tmp' || name.startsWith('.'))
      .map((name) => path.join(uploadFolder(part), name));
  });
  for (const file of (await Promise.all(inParts)).flat()) {
    // Gone in the meantime, so not old.
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > leftoverAgeMs) await rm(file, { recursive: true, force: true });
  }
}
