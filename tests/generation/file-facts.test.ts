import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Types } from 'mongoose';
import { WebSocket } from 'ws';
import type { ServerMessages } from '../../src/contract/messages';
import type { Video } from '../../src/contract/video';
import { idleVideo, unknownFacts } from '../../src/contract/defaults';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { complete } from '../../src/generation/ends';
import { fillFileFacts } from '../../src/generation/file-facts';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';
import { sockets } from '../../src/utils/push';
import { finishedVideo, newAttempt, newWorkspace, resultOf, storedOf } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

const clip = path.resolve(__dirname, '../fixtures/clip.mp4');
const factsOfClip = {
  width: expect.any(Number) as number,
  height: expect.any(Number) as number,
  file_duration_s: expect.any(Number) as number,
  fps: expect.any(Number) as number,
  has_audio: expect.any(Boolean) as boolean,
  size: expect.any(Number) as number,
};
const film_id = new Types.ObjectId();
const open = () => new AbortController().signal;

/** A clip of before, with its file. */
async function earlier(name: string): Promise<Video> {
  const video = finishedVideo(name);
  await copyFile(clip, videoFile(video.attempt_id!));
  return video;
}

const store = (fields: Partial<StoredWorkspace>) => newWorkspace({ film_id, ...fields });
const read = async ({ _id }: StoredWorkspace) => (await Workspace.findById(_id).lean<StoredWorkspace>())!;

let told: ServerMessages['video.status_update'][] = [];
const listener = {
  readyState: WebSocket.OPEN,
  bufferedAmount: 0,
  send: (frame: Buffer) => told.push(JSON.parse(String(frame)) as ServerMessages['video.status_update']),
} as unknown as WebSocket;

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
  sockets.set(listener, { filmId: String(film_id) });
});
beforeEach(async () => {
  await Workspace.deleteMany({});
  told = [];
});

test('an attempt completes a video with the facts of its file', async () => {
  const attempt = await newAttempt({ state: 'downloading', workspace: { film_id } });
  await copyFile(clip, videoFile(attempt.job.attempt_id));
  await complete(attempt);
  expect((await storedOf(attempt)).video).toMatchObject({ status: 'completed', ...factsOfClip });
});

test('a late clip becomes a take with the facts of its file', async () => {
  const attempt = await newAttempt({ state: 'downloading', isSuperseded: true, workspace: { film_id } });
  await copyFile(clip, videoFile(attempt.job.attempt_id));
  await complete(attempt);
  expect((await storedOf(attempt)).takes).toMatchObject([{ status: 'completed', ...factsOfClip }]);
});

test('a clip and the takes of before get their facts, each told once with a higher version', async () => {
  const before = await store({ video: await earlier('shown'), takes: [await earlier('one'), await earlier('two')] });
  await fillFileFacts(open());
  const after = await read(before);
  expect(after.video).toMatchObject({ attempt_id: before.video.attempt_id, ...factsOfClip });
  expect(after.takes).toMatchObject([factsOfClip, factsOfClip]);
  expect(after.version).toBe(before.version + 3);
  expect(told.map(({ version }) => version)).toEqual([2, 3, 4]);
  expect(told.at(-1)).toMatchObject({
    workspace_id: String(before._id),
    video: factsOfClip,
    takes: [factsOfClip, factsOfClip],
  });
});

test('a second round writes nothing and tells nothing', async () => {
  const before = await store({ video: await earlier('shown') });
  await fillFileFacts(open());
  told = [];
  await fillFileFacts(open());
  expect((await read(before)).version).toBe(2);
  expect(told).toEqual([]);
});

test('a clip in the trash gets its facts, and nobody is told', async () => {
  const before = await store({ video: await earlier('shown'), deleted_at: new Date() });
  await fillFileFacts(open());
  expect((await read(before)).video).toMatchObject(factsOfClip);
  expect(told).toEqual([]);
});

test('a clip that several shots share is filled in everywhere, as video and as take', async () => {
  const shared = await earlier('shared');
  const [first, second, third] = [
    await store({ video: shared }),
    await store({ takes: [shared] }),
    await store({ video: shared }),
  ];
  await fillFileFacts(open());
  expect((await read(first)).video).toMatchObject(factsOfClip);
  expect((await read(second)).takes).toMatchObject([factsOfClip]);
  expect((await read(third)).video).toMatchObject(factsOfClip);
  expect(new Set(told.map(({ workspace_id }) => workspace_id)).size).toBe(3);
});

test('a generation that runs is not touched while the takes beside it are filled in', async () => {
  const attempt = await newAttempt({ state: 'polling', workspace: { film_id, takes: [await earlier('old')] } });
  const { video, job } = await storedOf(attempt);
  await fillFileFacts(open());
  const after = await storedOf(attempt);
  expect(after).toMatchObject({ video, job });
  expect(after.takes).toMatchObject([factsOfClip]);
  await copyFile(clip, videoFile(attempt.job.attempt_id));
  await complete(attempt);
  expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
});

test('a clip whose file is gone stays as it is', async () => {
  const before = await store({ video: finishedVideo('gone') });
  await fillFileFacts(open());
  expect(await read(before)).toEqual(before);
});

test('of a clip that cannot be read the size is stored, and its facts once it can', async () => {
  const broken = finishedVideo('broken');
  await writeFile(videoFile(broken.attempt_id!), 'no video');
  const before = await store({ video: broken });
  await fillFileFacts(open());
  expect((await read(before)).video).toMatchObject({ ...unknownFacts, size: 8 });
  await fillFileFacts(open());
  expect((await read(before)).version).toBe(2);

  await copyFile(clip, videoFile(broken.attempt_id!));
  await fillFileFacts(open());
  expect((await read(before)).video).toMatchObject(factsOfClip);
});

test('a stop ends it before the next file, and the next start goes on', async () => {
  const videos = [await earlier('one'), await earlier('two'), await earlier('three')];
  for (const video of videos) await store({ video });
  const stop = new AbortController();
  const stopper = { ...listener, send: () => stop.abort() } as unknown as WebSocket;
  sockets.set(stopper, { filmId: String(film_id) });
  await expect(fillFileFacts(stop.signal)).rejects.toThrow();
  sockets.delete(stopper);
  expect(await Workspace.countDocuments({ 'video.size': null })).toBe(2);
  await fillFileFacts(open());
  expect(await Workspace.countDocuments({ 'video.size': null })).toBe(0);
});

test('a shot without a clip is left alone', async () => {
  const before = await store({ video: idleVideo });
  await fillFileFacts(open());
  expect(await read(before)).toEqual(before);
});
