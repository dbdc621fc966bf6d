import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a file that is there whole or not at all, and survives a power cut once this resolves: write, fsync, rename, fsync of
 * the folder. `draft` is on the same disk and of a name that is used once.
 */
export async function writeDurably(target: string, bytes: Buffer | string, draft = `${target}.tmp`): Promise<void> {
  try {
    const handle = await open(draft, 'w');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(target));
}

/** Makes renames inside a folder survive a power cut; Windows cannot open a folder and does not need to. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
