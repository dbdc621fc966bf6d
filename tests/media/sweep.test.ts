import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mongoose, { trusted } from 'mongoose';
import { config } from '../../src/config';
import { idleVideo } from '../../src/contract';
import type { Job } from '../../src/db/job';
import { Workspace } from '../../src/db/mongodb';
import { sweep } from '../../src/media/sweep';
import { freshDatabase } from '../helpers/server';

const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 3600 * 1000);

async function put(kind: string, name: string, changed: Date): Promise<void> {
  const file = path.join(config.UPLOAD_DIR, kind, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, 'x');
  await utimes(file, changed, changed);
}

const left = (kind: string) => readdir(path.join(config.UPLOAD_DIR, kind)).then((names) => names.sort());

beforeAll(() => mongoose.connect(freshDatabase()));
afterAll(() => mongoose.disconnect());

test('keeps what is referred to or young, and removes the rest', async () => {
  await put('images', 'used.png', daysAgo(3));
  await put('images', 'orphan.png', daysAgo(3));
  await put('images', 'young.png', daysAgo(0));
  await put('videos', 'current.mp4', daysAgo(3));
  await put('videos', 'current.jpg', daysAgo(3));
  await put('videos', 'take.mp4', daysAgo(3));
  await put('videos', 'orphan.mp4', daysAgo(3));
  const video = { ...idleVideo, status: 'completed' as const, attempt_id: 'current' };
  const takes = [{ ...video, attempt_id: 'take' }];
  await Workspace.create({ order_index: 0, image_path: 'uploads/images/used.png', video, takes });

  await sweep();
  expect(await left('images')).toEqual(['used.png', 'young.png']);
  expect(await left('videos')).toEqual(['current.jpg', 'current.mp4', 'take.mp4']);
});

test('empties the trash after 30 days, with the files, and not before', async () => {
  const place = { order_index: 0, deleted_at: daysAgo(31) };
  await Workspace.create({ ...place, image_path: 'uploads/images/trashed.png' });
  const kept = await Workspace.create({ ...place, deleted_at: daysAgo(29), image_path: 'uploads/images/kept.png' });
  await put('images', 'trashed.png', daysAgo(40));
  await put('images', 'kept.png', daysAgo(40));

  await sweep();
  expect(await Workspace.countDocuments({ image_path: 'uploads/images/trashed.png' })).toBe(0);
  expect(await Workspace.exists({ _id: kept._id })).not.toBeNull();
  expect(await left('images')).toEqual(expect.arrayContaining(['kept.png']));
  expect(await left('images')).not.toContain('trashed.png');
});

test('empties the trash of what was never cleared up, and not of what is still asked for', async () => {
  const trashed = async (state: Job['state']) => {
    const job = { attempt_id: state, provider: 'runway', model: 'm', image_path: 'uploads/images/p.png', state };
    const place = { order_index: 0, deleted_at: daysAgo(31) };
    const made = await Workspace.create([
      { ...place, job },
      { ...place, superseded: [job] },
    ]);
    return made.map(({ _id }) => _id);
  };
  const unclear = await trashed('in_doubt');
  const overdue = await trashed('timed_out');
  await sweep();
  expect(await Workspace.countDocuments({ _id: trusted({ $in: unclear }) })).toBe(0);
  expect(await Workspace.countDocuments({ _id: trusted({ $in: overdue }) })).toBe(2);
});
