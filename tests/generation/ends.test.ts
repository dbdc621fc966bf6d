import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import { complete, endAsFailed, endAsGone, failAndRecheck } from '../../src/generation/ends';
import { storeStep } from '../../src/generation/store';
import { makeUploadFolders } from '../../src/media/uploads';
import { adoptVideo, videoFile } from '../../src/media/videos';
import { finishedTask, listen, newAttempt, resultOf, storedOf, type Given } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
});

test('an attempt completes a video with its poster, and tells it once', async () => {
  const attempt = await newAttempt({ state: 'downloading' });
  const { attempt_id } = attempt.job;
  await copyFile(path.resolve(__dirname, '../fixtures/clip.mp4'), videoFile(attempt_id));
  const told = listen(attempt);
  expect(await complete(attempt)).toBeNull();
  expect((await storedOf(attempt)).video).toMatchObject({
    url: `/uploads/videos/${attempt_id}.mp4`,
    poster_url: `/uploads/videos/${attempt_id}.jpg`,
    error: null,
    phase: null,
  });
  expect(told).toEqual(['mine completed']);
});

test('an attempt completes a video whose file shows no picture, without a poster', async () => {
  const attempt = await newAttempt({ state: 'downloading' });
  await complete(attempt);
  expect((await storedOf(attempt)).video).toMatchObject({ status: 'completed', poster_url: null });
});

const failed = { code: 'TASK_FAILED', reason: 'it broke' } as const;

test.each([
  ['costs nothing unless it is said', {}, failed, 'mine failed TASK_FAILED no'],
  ['costs what is said', {}, { ...failed, charged: 'yes' }, 'mine failed TASK_FAILED yes'],
  [
    'costs nothing where nothing costs',
    { provider: 'local' },
    { ...failed, charged: 'yes' },
    'mine failed TASK_FAILED no',
  ],
] as [string, Given, Parameters<typeof endAsFailed>[1], string][])('a failure %s', async (_, given, end, video) => {
  const attempt = await newAttempt({ state: 'polling', ...given });
  expect(await endAsFailed(attempt, end)).toBeNull();
  expect(await resultOf(attempt)).toEqual({ job: 'ended', video, takes: [] });
});

test('a failure is told in our own words', async () => {
  const attempt = await newAttempt({ state: 'polling' });
  await endAsFailed(attempt, { code: 'TASK_FAILED', reason: 'key_secret of a vendor' });
  const { error, completed_at, progress } = (await storedOf(attempt)).video;
  expect(error!.message).toMatch(/^Fake could not make this video/);
  expect(completed_at).not.toBeNull();
  expect(progress).toBeNull();
});

test.each([
  ['an attempt that the user waits for', {}, 'mine failed TASK_FAILED yes'],
  ['a cancelled one, whose clip was to come', { isCancelled: true }, 'mine failed TASK_FAILED yes'],
  ['a superseded one', { isSuperseded: true }, 'newer generating queued'],
  ['one that costs nothing', { provider: 'local' }, 'mine failed TASK_FAILED no'],
] as [string, Given, string][])('a task that is gone is the last word of %s', async (_, given, video) => {
  const attempt = await newAttempt({ state: 'download_failed', ...given });
  expect(await endAsGone(attempt)).toBeNull();
  expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video });
});

test('a task that is gone, and whose clip is here, is completed', async () => {
  const attempt = await newAttempt({ state: 'polling' });
  await adoptVideo({ file: ((await finishedTask()) as { file: string }).file, attemptId: attempt.job.attempt_id });
  expect(await endAsGone(attempt)).toBeNull();
  expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
});

test('a free task that is gone while its user waits for it is made again, three times at most', async () => {
  const attempt = await newAttempt({ provider: 'local', state: 'polling' });
  expect(await endAsGone(attempt)).toBe(0);
  expect(await resultOf(attempt)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
  expect((await storedOf(attempt)).job).toMatchObject({ task_id: null, accepted_at: null, sent_at: null });

  await storeStep(attempt, { job: { state: 'polling', submit_attempts: 3 } });
  expect(await endAsGone(attempt)).toBeNull();
  expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed TASK_FAILED no' });
});

test('a task that is gone says that the next click pays', async () => {
  const attempt = await newAttempt({ state: 'download_failed' });
  await endAsGone(attempt);
  expect((await storedOf(attempt)).video.error!.message).toMatch(/charged again/);
});

test.each([
  ['TIMEOUT', 'timed_out', 'maybe'],
  ['PROVIDER_BAD_REPLY', 'timed_out', 'maybe'],
  ['DOWNLOAD_FAILED', 'download_failed', 'yes'],
] as const)('%s is a failure for now: the attempt is %s and charged %s', async (code, job, charged) => {
  const attempt = await newAttempt({ state: 'polling' });
  expect(await failAndRecheck(attempt, code)).toBe(config.VIDEO_RECHECK_INTERVAL_MS);
  expect(await resultOf(attempt)).toEqual({ job, video: `mine failed ${code} ${charged}`, takes: [] });
});
