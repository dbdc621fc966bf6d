import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { readSettings } from '../config';

const workFolderPrefix = 'download-';
const workFolderMaxAgeMs = 60 * 60 * 1000;

/** The folder of this user's downloads of one program for this kind of machine; it may not exist yet. */
export function cacheFolderOf(program: string): string {
  return path.join(cacheHome(), 'video-maker', program, `${process.platform}-${process.arch}`);
}

function cacheHome(): string {
  const optional = z.string().optional();
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = readSettings(
    z.object({ XDG_CACHE_HOME: optional, LOCALAPPDATA: optional }),
  ).values;
  if (xdg && path.isAbsolute(xdg)) return xdg;
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches');
  if (process.platform === 'win32') return local ?? path.join(os.homedir(), 'AppData', 'Local');
  return path.join(os.homedir(), '.cache');
}

/**
 * Has a program made in a folder next to `target` and ends with one rename, so that neither a kill nor a concurrent download leaves
 * or sees a partial file; returns the folder of the target.
 */
export async function fillCache(target: string, make: (workFolder: string) => Promise<string>): Promise<string> {
  const cacheFolder = path.dirname(target);
  await mkdir(cacheFolder, { recursive: true });
  await removeLeftovers(cacheFolder);
  const workFolder = await mkdtemp(path.join(cacheFolder, workFolderPrefix));
  try {
    const file = await make(workFolder);
    await flush(file);
    await rename(file, target);
    return cacheFolder;
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function removeLeftovers(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (!name.startsWith(workFolderPrefix)) continue;
    const folder = path.join(cacheFolder, name);
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > workFolderMaxAgeMs) await rm(folder, { recursive: true, force: true });
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync().finally(() => handle.close());
}
