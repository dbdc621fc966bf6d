import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { config } from '../config';
import { logger } from '../utils/logger';

const folder = path.join(config.DATA_DIR, 'accepted');

const entry = z.object({ workspace_id: z.string(), attempt_id: z.string(), task_id: z.string() });
export type AcceptedTask = z.infer<typeof entry>;

/** Writes down that a provider accepted a paid task, durably, before the database is told: one small file for each attempt. */
export async function noteAccepted(task: AcceptedTask): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${task.attempt_id}.tmp`);
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(JSON.stringify(task));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(file, noteFile(task.attempt_id));
  const directory = await open(folder, 'r');
  await directory.sync().finally(() => directory.close());
}

/** Forgets a task that the database knows. */
export async function forgetAccepted(attemptId: string): Promise<void> {
  await rm(noteFile(attemptId), { force: true });
}

/** Every accepted task that the database may not know yet. */
export async function readAccepted(): Promise<AcceptedTask[]> {
  const names = await readdir(folder).catch(() => []);
  const notes = names.filter((name) => name.endsWith('.json')).map((name) => readNote(path.join(folder, name)));
  return (await Promise.all(notes)).filter((task) => task !== null);
}

async function readNote(file: string): Promise<AcceptedTask | null> {
  try {
    return entry.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    logger.error('note of an accepted task is unreadable', { file: path.basename(file), error });
    return null;
  }
}

const noteFile = (attemptId: string): string => path.join(folder, `${attemptId}.json`);
