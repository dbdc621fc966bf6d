import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../config';
import { folderFault, makeUsable } from '../utils/usable-folder';

const parts = ['images', 'videos', 'audio', 'exports', 'tmp', 'trash'] as const;
/** The parts that hold what workspaces and films refer to. */
const keptParts = ['images', 'videos', 'audio'] as const;
const leftoverAgeMs = 3600 * 1000;

let wasEmpty = false;

/** The absolute path of a part of UPLOAD_DIR. */
export const uploadFolder = (part: (typeof parts)[number]): string => path.join(config.UPLOAD_DIR, part);

/** A new file name in `uploads/tmp`; recreates missing folders. */
export function temporaryFile(): string {
  remakeUploadFolders();
  return path.join(uploadFolder('tmp'), randomBytes(16).toString('hex'));
}

/** A hidden file name beside its target, since a part of UPLOAD_DIR may be on a disk of its own. */
export function draftOf(target: string): string {
  remakeUploadFolders();
  return path.join(path.dirname(target), `.${randomBytes(16).toString('hex')}`);
}

/** Recreates parts of UPLOAD_DIR that were removed while the server runs; if that fails, the next write there reports it. */
export function remakeUploadFolders(): void {
  for (const part of parts) {
    try {
      mkdirSync(uploadFolder(part), { recursive: true });
    } catch {
      continue;
    }
  }
}

/** Why parts of UPLOAD_DIR cannot be used, as sentences for `/health`; a missing part is only a warning, since it is recreated. */
export async function uploadFaults(): Promise<{ problems: string[]; warnings: string[] }> {
  const codes = await Promise.all(parts.map(uploadFolder).map(folderFault));
  const gone = parts.filter((_part, index) => codes[index] === 'ENOENT');
  const unusable = parts.filter((_part, index) => codes[index] && codes[index] !== 'ENOENT');
  return {
    problems: unusable.map(
      (part) =>
        `the folder ${part} in UPLOAD_DIR cannot be used (${codes[parts.indexOf(part)]}); check its permissions and its disk`,
    ),
    warnings: gone.map(
      (part) =>
        `the folder ${part} in UPLOAD_DIR was removed; it is recreated when needed, but its files must be restored`,
    ),
  };
}

/** The file of a URL path of ours such as `/uploads/videos/x.mp4`, never outside UPLOAD_DIR. */
export const fileOfUrl = (url: string): string =>
  path.join(config.UPLOAD_DIR, path.basename(path.dirname(url)), path.basename(url));

/** Creates UPLOAD_DIR and its missing parts; throws one sentence when they cannot be used. */
export async function makeUploadFolders(): Promise<void> {
  for (const folder of [config.UPLOAD_DIR, ...parts.map(uploadFolder)]) await makeUsable(folder, 'UPLOAD_DIR');
  wasEmpty = (await listUploads()).length === 0;
}

/** The name by which workspaces and films know a file: an image, music, or a clip with its poster and its original. */
export const uploadName = (file: string): string => path.basename(file).split('.')[0]!;

/** Whether there were no images, clips and music at the start, so that this process has made all of them. */
export const startedEmpty = (): boolean => wasEmpty;

/** The names of all stored images, clips, posters, originals and music. */
export async function listUploads(): Promise<string[]> {
  const names = await Promise.all(keptParts.map((part) => readdir(uploadFolder(part))));
  return names.flat().filter((name) => !name.startsWith('.'));
}

/** Removes partial files of killed processes; younger ones may belong to another running server. */
export async function sweepTmp(): Promise<void> {
  const inParts = parts.map(async (part) => {
    const names = await readdir(uploadFolder(part));
    return names
      .filter((name) => part === 'tmp' || name.startsWith('.'))
      .map((name) => path.join(uploadFolder(part), name));
  });
  for (const file of (await Promise.all(inParts)).flat()) {
    // Removed in the meantime.
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > leftoverAgeMs) await rm(file, { recursive: true, force: true });
  }
}
