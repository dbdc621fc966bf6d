import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { config } from '../config';
import { objectId } from '../contract/ids';
import { writeDurably } from '../utils/durable-file';
import { logger } from '../utils/logger';

const folder = path.join(config.DATA_DIR, 'accepted');
const keptMs = 30 * 24 * 3600 * 1000;

const note = z.object({
  workspace_id: objectId,
  attempt_id: z.string().regex(/^[\w-]{1,100}$/),
  task_id: z.string().min(1),
  /** Missing in notes of version 1.0.0. */
  provider: z.string().optional(),
});
export type AcceptedTask = z.infer<typeof note>;

/** Writes down that a provider accepted a task, durably, before the database is told: one small file for each attempt. */
export async function noteAccepted(task: AcceptedTask): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeDurably(fileOf(task.attempt_id), JSON.stringify(task));
}

/** Forgets a task that the database knows. */
export async function forgetAccepted(attemptId: string): Promise<void> {
  await rm(fileOf(attemptId), { force: true });
}

/** The task that a provider accepted for this attempt; null where nothing readable is noted. */
export const readAccepted = (attemptId: string): Promise<AcceptedTask | null> => readNote(fileOf(attemptId));

/** Every accepted task that the database may not know yet; notes that nobody asked for in 30 days are removed. */
export async function readAllAccepted(): Promise<AcceptedTask[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.json')).map((name) => path.join(folder, name));
  const notes = await Promise.all(files.map(readUnlessOld));
  return notes.filter((task) => task !== null);
}

async function readUnlessOld(file: string): Promise<AcceptedTask | null> {
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs < keptMs) return readNote(file);
  await rm(file, { force: true });
  return null;
}

async function readNote(file: string): Promise<AcceptedTask | null> {
  try {
    return note.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isMissing) logger.error('note of an accepted task is unreadable', { file: path.basename(file), error });
    return null;
  }
}

const fileOf = (attemptId: string): string => path.join(folder, `${path.basename(attemptId)}.json`);
