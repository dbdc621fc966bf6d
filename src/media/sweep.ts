import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { trusted } from 'mongoose';
import { config } from '../config';
import { activeStates } from '../db/job';
import { Workspace, type StoredWorkspace } from '../db/mongodb';
import { logger } from '../utils/logger';

const hourMs = 3600 * 1000;
const orphanAgeMs = 24 * hourMs;
const trashAgeMs = 30 * 24 * hourMs;

/** Sweeps at once and then every hour, until the returned function is called. */
export function startSweeping(): () => void {
  const run = () => void sweep().catch((error: unknown) => logger.warn('files not swept', { error }));
  run();
  const timer = setInterval(run, hourMs);
  return () => clearInterval(timer);
}

/**
 * Removes workspaces that lie in the trash for 30 days and whose tasks are no longer asked for, and files older than
 * 24 hours that no workspace, trash included, refers to.
 */
export async function sweep(): Promise<void> {
  const purged = await Workspace.deleteMany({
    deleted_at: trusted({ $lt: new Date(Date.now() - trashAgeMs) }),
    'job.state': trusted({ $nin: activeStates }),
    'superseded.state': trusted({ $nin: activeStates }),
  });
  const [images, videos] = await Promise.all([oldFiles('images'), oldFiles('videos')]);
  const used = images.length + videos.length > 0 ? await usedNames() : new Set<string>();
  const orphans = [...images, ...videos].filter((file) => !used.has(path.parse(file).name));
  await Promise.all(orphans.map((file) => rm(file, { force: true })));
  if (purged.deletedCount + orphans.length > 0) {
    logger.info('swept', { workspaces: purged.deletedCount, files: orphans.length });
  }
}

async function oldFiles(kind: 'images' | 'videos'): Promise<string[]> {
  const folder = path.join(config.UPLOAD_DIR, kind);
  const files = (await readdir(folder)).map((name) => path.join(folder, name));
  const facts = await Promise.all(files.map(async (file) => ({ file, changed: await changedAt(file) })));
  return facts.filter(({ changed }) => Date.now() - changed > orphanAgeMs).map(({ file }) => file);
}

const changedAt = (file: string): Promise<number> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    // Gone in the meantime, so not old.
    () => Date.now(),
  );

/** The names, without extension, of every picture and video that is referred to: a video's is its attempt_id. */
async function usedNames(): Promise<Set<string>> {
  const fields = { image_path: 1, 'video.attempt_id': 1, 'takes.attempt_id': 1, job: 1, superseded: 1 };
  const used = new Set<string>();
  const add = (name: string | null | undefined) => name && used.add(path.parse(name).name);
  for await (const { image_path: image, video, takes, job, superseded } of Workspace.find({}, fields).lean<
    StoredWorkspace[]
  >()) {
    add(image);
    add(video?.attempt_id);
    for (const take of takes ?? []) add(take.attempt_id);
    for (const { attempt_id: attemptId, image_path: picture } of [...(job ? [job] : []), ...(superseded ?? [])]) {
      add(attemptId);
      add(picture);
    }
  }
  return used;
}
