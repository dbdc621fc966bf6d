import { copyFile, open, rename, rm, type FileHandle } from 'node:fs/promises';
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

/** What must hold of a file before it gets its final name; throws otherwise. */
type Check = (handle: FileHandle) => Promise<void>;

/**
 * Moves a file atomically, so that it survives a power cut once this resolves; `draft` must be on the disk of `target`, with a
 * unique name, since the file may be on another. With `check`, a file that does not pass it stays where it is.
 */
export async function moveDurably(file: string, target: string, draft: string, check?: Check): Promise<void> {
  await syncFile(file, check);
  try {
    await rename(file, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyAtomically(file, target, draft, check);
    await rm(file, { force: true });
  }
  await syncFolder(path.dirname(target));
}

/** Copies a file by way of `draft`, on the disk of `target`; survives a power cut once the folder is synced too. */
export async function copyAtomically(file: string, target: string, draft: string, check?: Check): Promise<void> {
  try {
    await copyFile(file, draft);
    await syncFile(draft, check);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Makes the content of a file survive a power cut, once it has passed `check`. */
export async function syncFile(file: string, check?: Check): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await check?.(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
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
