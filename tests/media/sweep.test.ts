import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { trusted } from 'mongoose';
import { config } from '../../src/config';
import { idleVideo } from '../../src/contract/defaults';
import { DroppedClip, recordDropped } from '../../src/db/dropped-clips';
import type { Job } from '../../src/db/job';
import { Installation } from '../../src/db/installation';
import { Export } from '../../src/db/export';
import { Film } from '../../src/db/film';
import { Workspace } from '../../src/db/workspace';
import { sweep } from '../../src/media/sweep';
import { makeUploadFolders } from '../../src/media/uploads';
import { useDatabase } from '../helpers/database';
import { film_id } from '../fixtures/workspaces';

const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 3600 * 1000);
const inUploads = (...names: string[]) => path.join(config.UPLOAD_DIR, ...names);

async function put(part: string, name: string, changed: Date): Promise<void> {
  const file = inUploads(part, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, name);
  await utimes(file, changed, changed);
}

const left = (part: string) => readdir(inUploads(part)).then((names) => names.sort());

const completed = (attempt_id: string) => ({ ...idleVideo, status: 'completed' as const, attempt_id });
const jobOf = (attempt_id: string, state: Job['state'], image = 'job') =>
  ({ attempt_id, provider: 'runway', model: 'm', image_path: `uploads/images/${image}.png`, state }) as Job;

useDatabase();

beforeEach(async () => {
  await rm(config.UPLOAD_DIR, { recursive: true, force: true });
  await Promise.all([
    Workspace.deleteMany({}),
    Film.deleteMany({}),
    Installation.deleteMany({}),
    DroppedClip.deleteMany({}),
  ]);
  await makeUploadFolders();
  // The first sweep of an empty folder makes it ours.
  await sweep();
});

test('the sweep moves images that no workspace refers to into the trash after 24 hours, as new ones there', async () => {
  await put('images', 'used.png', daysAgo(3));
  await put('images', 'job.png', daysAgo(3));
  await put('images', 'unused.png', daysAgo(3));
  await put('images', 'young.png', daysAgo(0));
  await Workspace.create({
    film_id,
    order_index: 0,
    image_path: 'uploads/images/used.png',
    job: jobOf('a', 'polling'),
  });

  await sweep();
  expect(await left('images')).toEqual(['job.png', 'used.png', 'young.png']);
  expect(await left('trash')).toEqual(['unused.png']);
  expect((await stat(inUploads('trash', 'unused.png'))).mtimeMs).toBeGreaterThan(daysAgo(1).getTime());
});

test('the sweep keeps both files where two of one name come into the trash', async () => {
  await put('trash', 'unused.png', daysAgo(3));
  await put('images', 'unused.png', daysAgo(3));
  await sweep();
  expect(await left('images')).toEqual([]);
  expect(await left('trash')).toEqual([expect.stringMatching(/^unused-[\w-]+\.png$/), 'unused.png']);
});

test('the sweep keeps for ever a clip that nobody recorded as dropped, though no workspace refers to it', async () => {
  await put('videos', 'paid.mp4', daysAgo(400));
  await put('videos', 'paid.jpg', daysAgo(400));
  await sweep();
  expect(await left('videos')).toEqual(['paid.jpg', 'paid.mp4']);
  expect(await left('trash')).toEqual([]);
});

test('the sweep moves a clip that was recorded as dropped, with its poster and its original', async () => {
  await put('videos', 'dropped.mp4', daysAgo(3));
  await put('videos', 'dropped.jpg', daysAgo(3));
  await put('videos', 'dropped.original.mov', daysAgo(3));
  await put('videos', 'young.mp4', daysAgo(0));
  await recordDropped(['dropped', 'young']);
  await recordDropped(['dropped']);
  await sweep();
  expect(await left('videos')).toEqual(['young.mp4']);
  expect(await left('trash')).toEqual(['dropped.jpg', 'dropped.mp4', 'dropped.original.mov']);
});

test('the sweep keeps a recorded clip while a workspace still refers to it anywhere', async () => {
  const attempts = ['video', 'take', 'job', 'superseded'];
  const names = attempts.flatMap((attempt) => [`${attempt}.mp4`, `${attempt}.original.webm`]);
  for (const name of names) await put('videos', name, daysAgo(3));
  await Workspace.create({
    film_id,
    order_index: 0,
    deleted_at: daysAgo(1),
    video: completed('video'),
    takes: [completed('take')],
    job: jobOf('job', 'polling'),
    superseded: [jobOf('superseded', 'timed_out')],
  });
  await recordDropped(attempts);
  await sweep();
  expect(await left('videos')).toEqual(names.sort());
});

test('the sweep keeps the pictures that a video or a take was made from, though its shot has another one now', async () => {
  for (const name of ['video.png', 'take.png', 'end.png', 'unused.png']) await put('images', name, daysAgo(3));
  const from = (name: string) => `/uploads/images/${name}.png`;
  await Workspace.create({
    film_id,
    order_index: 0,
    video: { ...completed('a'), image_url: from('video'), end_image_url: from('end') },
    takes: [{ ...completed('b'), image_url: from('take') }],
  });
  await sweep();
  expect(await left('images')).toEqual(['end.png', 'take.png', 'video.png']);
});

test('the sweep keeps the end pictures of shots and of attempts, in the trash too', async () => {
  const names = ['shot.png', 'job.png', 'superseded.png', 'trash.png'];
  for (const name of [...names, 'unused.png']) await put('images', name, daysAgo(3));
  const ends = (name: string) => ({ end_image_path: `uploads/images/${name}.png` });
  await Workspace.create([
    {
      film_id,
      order_index: 0,
      ...ends('shot'),
      job: { ...jobOf('a', 'queued'), image_path: null, ...ends('job') },
      superseded: [{ ...jobOf('b', 'timed_out'), image_path: null, ...ends('superseded') }],
    },
    { film_id, order_index: 1, deleted_at: daysAgo(1), ...ends('trash') },
  ]);
  await sweep();
  expect(await left('images')).toEqual(names.sort());
});

test('the sweep empties the trash of files after 30 days, and not before', async () => {
  await put('trash', 'old.mp4', daysAgo(31));
  await put('trash', 'young.mp4', daysAgo(29));
  await sweep();
  expect(await left('trash')).toEqual(['young.mp4']);
});

test('the sweep removes films that were deleted 30 days ago with their shots, and keeps what another film uses', async () => {
  const old = { deleted_at: daysAgo(31) };
  const [gone, young, other] = await Film.create([old, { deleted_at: daysAgo(29) }, {}]);
  const shot = { order_index: 0, image_path: 'uploads/images/shared.png', takes: [completed('shared')] };
  await Workspace.create([
    { ...shot, ...old, film_id: gone!._id, deleted_with_film: true },
    { ...shot, film_id: other!._id },
  ]);
  await put('images', 'shared.png', daysAgo(40));
  await put('videos', 'shared.mp4', daysAgo(40));
  await sweep();
  const kept = await Film.find().lean();
  expect(new Set(kept.map(({ _id }) => String(_id)))).toEqual(new Set([String(young!._id), String(other!._id)]));
  expect(await Workspace.distinct('film_id')).toEqual([other!._id]);
  expect([await left('images'), await left('videos')]).toEqual([['shared.png'], ['shared.mp4']]);
});

test('a shot that a kill left behind follows its film into the trash and back', async () => {
  const [gone, live] = await Film.create([{ deleted_at: daysAgo(1) }, {}]);
  const behind = await Workspace.create({ film_id: gone!._id, order_index: 0 });
  const lost = await Workspace.create({
    film_id: live!._id,
    order_index: 0,
    deleted_at: daysAgo(1),
    deleted_with_film: true,
  });
  await sweep();
  expect(await Workspace.findById(behind._id).lean()).toMatchObject({
    deleted_with_film: true,
    deleted_at: gone!.deleted_at,
  });
  expect(await Workspace.findById(lost._id).lean()).toMatchObject({ deleted_at: null });
});

test('the sweep removes workspaces that were deleted 30 days ago, and lets their files lie in the trash from then on', async () => {
  const place = { order_index: 0, deleted_at: daysAgo(31) };
  await Workspace.create({
    film_id,
    ...place,
    image_path: 'uploads/images/deleted.png',
    video: completed('video'),
    takes: [completed('take')],
    superseded: [jobOf('superseded', 'in_doubt')],
  });
  const kept = await Workspace.create({
    film_id,
    ...place,
    deleted_at: daysAgo(29),
    image_path: 'uploads/images/kept.png',
  });
  for (const image of ['deleted.png', 'kept.png']) await put('images', image, daysAgo(40));
  for (const clip of ['video.mp4', 'video.jpg', 'take.mp4', 'superseded.mp4']) await put('videos', clip, daysAgo(40));

  await sweep();
  expect((await Workspace.find().lean()).map(({ _id }) => _id)).toEqual([kept._id]);
  expect(await left('images')).toEqual(['kept.png']);
  expect(await left('videos')).toEqual([]);
  expect(await left('trash')).toEqual(['deleted.png', 'superseded.mp4', 'take.mp4', 'video.jpg', 'video.mp4']);
  await sweep();
  expect(await left('trash')).toHaveLength(5);
});

test('the sweep removes deleted workspaces that were never cleared up, and none whose task is still asked for', async () => {
  const deleted = async (state: Job['state']) => {
    const job = jobOf(state, state);
    const place = { film_id, order_index: 0, deleted_at: daysAgo(31) };
    const made = await Workspace.create([
      { ...place, job },
      { ...place, superseded: [job] },
    ]);
    return made.map(({ _id }) => _id);
  };
  const unclear = await deleted('in_doubt');
  const overdue = await deleted('timed_out');
  await sweep();
  expect(await Workspace.countDocuments({ _id: trusted({ $in: unclear }) })).toBe(0);
  expect(await Workspace.countDocuments({ _id: trusted({ $in: overdue }) })).toBe(2);
});

test('the sweep forgets that a clip was dropped 30 days after it, once the clip is gone', async () => {
  const dropped_at = daysAgo(31);
  await DroppedClip.create([
    { _id: 'gone', dropped_at },
    { _id: 'present', dropped_at },
    { _id: 'young', dropped_at: daysAgo(29) },
  ]);
  await put('videos', 'present.original.mov', daysAgo(0));
  await sweep();
  expect((await DroppedClip.distinct('_id')).sort()).toEqual(['present', 'young']);
});

test('the sweep removes nothing at all from a folder that belongs to another database, and nothing from this one', async () => {
  await writeFile(inUploads('.owner'), JSON.stringify({ id: 'of another database', sweeps: 0 }));
  await put('images', 'unused.png', daysAgo(3));
  await put('videos', 'dropped.mp4', daysAgo(3));
  await put('trash', 'old.mp4', daysAgo(31));
  await recordDropped(['dropped']);
  await Workspace.create({ film_id, order_index: 0, deleted_at: daysAgo(31) });

  await sweep();
  expect(await Promise.all(['images', 'videos', 'trash'].map(left))).toEqual([
    ['unused.png'],
    ['dropped.mp4'],
    ['old.mp4'],
  ]);
  expect(await Workspace.countDocuments()).toBe(1);
  expect(await DroppedClip.countDocuments()).toBe(1);
  expect(JSON.parse(await readFile(inUploads('.owner'), 'utf8'))).toMatchObject({ id: 'of another database' });
});

test('the sweep moves the other files where one cannot be moved', async () => {
  // Of this length no second name fits beside the first.
  const long = `${'a'.repeat(240)}.png`;
  await put('trash', long, daysAgo(3));
  await put('images', long, daysAgo(3));
  await put('images', 'unused.png', daysAgo(3));
  await sweep();
  expect(await left('images')).toEqual([long]);
  expect(await left('trash')).toEqual([long, 'unused.png']);
});

test('the sweep moves music that no film names into the trash after 24 hours, and keeps that of films in the trash', async () => {
  await put('audio', 'used.mp3', daysAgo(3));
  await put('audio', 'deleted.flac', daysAgo(3));
  await put('audio', 'unused.m4a', daysAgo(3));
  await put('audio', 'young.wav', daysAgo(0));
  await Film.create({ settings: { music_path: 'uploads/audio/used.mp3' } });
  await Film.create({ settings: { music_path: 'uploads/audio/deleted.flac' }, deleted_at: daysAgo(1) });
  await Film.create({});
  await sweep();
  expect(await left('audio')).toEqual(['deleted.flac', 'used.mp3', 'young.wav']);
  expect(await left('trash')).toEqual(['unused.m4a']);
});

test('the sweep keeps pictures and music that an export on its way is made from, and not those of an ended one', async () => {
  const made = async (status: 'running' | 'failed', name: string) => {
    await put('images', `${name}.png`, daysAgo(3));
    await put('audio', `${name}.mp3`, daysAgo(3));
    const music = { url: `/uploads/audio/${name}.mp3` };
    const recipe = { shots: [{ url: `/uploads/images/${name}.png` }], music };
    const { _id: film_id } = await Film.create({});
    await Export.create({ film_id, status, options: {}, recipe, file_name: 'film.mp4' });
  };
  await made('running', 'wanted');
  await made('failed', 'ended');
  await sweep();
  expect([await left('images'), await left('audio')]).toEqual([['wanted.png'], ['wanted.mp3']]);
});
