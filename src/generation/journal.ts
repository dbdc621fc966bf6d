import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { config } from '../config';
import { objectId } from '../contract/ids';
import { writeDurably } from '../utils/durable-file';
import { logger } from '../utils/logger';

const folder = path.join(config.DATA_DIR, 'accepted');
const keptMs = 30 * 24 * 3600 * 1000;

const entryShape = z.object({
  workspace_id: objectId,
  attempt_id: z.string().regex(/^[\w-]{1,100}$/),
  task_id: z.string().min(1),
  /** Missing in entries of version 1.0.0. */
  provider: z.string().optional(),
});
export type AcceptedTask = z.infer<typeof entryShape>;

/** Records an accepted task durably, before the database write: one small file for each attempt. */
export async function journalTask(task: AcceptedTask): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeDurably(fileOf(task.attempt_id), JSON.stringify(task));
}

/** Removes the entry of a task that the database knows. */
export async function removeAccepted(attemptId: string): Promise<void> {
  await rm(fileOf(attemptId), { force: true });
}

/** The task that a provider accepted for this attempt; null without a readable entry. */
export const readAccepted = (attemptId: string): Promise<AcceptedTask | null> => readEntry(fileOf(attemptId));

/** Every accepted task that the database may not know yet; entries older than 30 days are removed. */
export async function readAllAccepted(): Promise<AcceptedTask[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.json')).map((name) => path.join(folder, name));
  const entries = await Promise.all(files.map(readUnlessOld));
  return entries.filter((task) => task !== null);
}

async function readUnlessOld(file: string): Promise<AcceptedTask | null> {
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs < keptMs) return readEntry(file);
  await rm(file, { force: true });
  return null;
}

async function readEntry(file: string): Promise<AcceptedTask | null> {
  try {
    return entryShape.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isMissing) logger.error('journal entry unreadable', { file: path.basename(file), error });
    return null;
  }
}

const fileOf = (attemptId: string): string => path.join(folder, `${path.basename(attemptId)}.json`);
