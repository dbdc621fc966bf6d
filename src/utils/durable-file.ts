import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Writes a file atomically, so that it survives a power cut once this resolves: write, fsync, rename, fsync of the folder.
 * `draft` must be on the same disk, with a unique name.
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

/** The error codes of file systems that cannot fsync a folder: some network and container mounts, FUSE, Windows. */
const unflushable = ['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Makes renames inside a folder survive a power cut, if its file system can; throws when the disk fails. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!unflushable.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
