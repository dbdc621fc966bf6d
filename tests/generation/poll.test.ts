// A poster is made by another test.
process.env.FFMPEG_PATH = 'no-ffmpeg';

import { config } from '../../src/config';
import type { VideoError } from '../../src/contract/video';
import { Workspace } from '../../src/db/workspace';
import { coolDown, LeaseLost } from '../../src/generation/attempt';
import { deliver } from '../../src/generation/deliver';
import { poll, recheck, startDownload } from '../../src/generation/poll';
import { makeUploadFolders } from '../../src/media/uploads';
import type { Checked } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  finishedTask,
  hourMs,
  jobOf,
  lostTask,
  newAttempt,
  nextIn,
  resultOf,
  situations,
  storedOf,
  type Given,
  type Situation,
} from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
});

const running: Checked = { state: 'running', progress: 0.4 };
const completed: Checked = { state: 'completed', url: 'https://example.com/clip.mp4' };
const notFound: Checked = { state: 'not_found', reason: '404' };
const failed = (charged: VideoError['charged']): Checked => ({
  state: 'failed',
  code: 'TASK_FAILED',
  reason: 'it broke',
  charged,
});
const limited = new AppError('PROVIDER_RATE_LIMITED', '429', { retryAfterMs: 5000 });
const away = new AppError('PROVIDER_FAILED', 'away');
const unreadable = new AppError('PROVIDER_BAD_REPLY', '?');

const isOver = { accepted_at: ago(config.VIDEO_TIMEOUT_MS + 1000) };

type Case = { says: Checked | Error; polls?: number; isOver?: boolean; isGateClosed?: boolean };
type Expected = { next: string; job: string; video: string; cancelled: string };

const cases: [string, Case, Expected][] = [
  [
    'a task that waits',
    { says: { state: 'queued' } },
    { next: 'later', job: 'polling', video: 'generating queued', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that runs',
    { says: running },
    { next: 'later', job: 'polling', video: 'generating running', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that is made',
    { says: completed },
    { next: 'at once', job: 'downloading', video: 'generating downloading', cancelled: 'CANCELLED yes' },
  ],
  [
    'a task that failed and is charged',
    { says: failed('yes') },
    { next: 'end', job: 'ended', video: 'failed TASK_FAILED yes', cancelled: 'CANCELLED yes' },
  ],
  [
    'a task that failed and is not charged',
    { says: failed('no') },
    { next: 'end', job: 'ended', video: 'failed TASK_FAILED no', cancelled: 'CANCELLED no' },
  ],
  [
    'a task that is not found twice',
    { says: notFound, polls: 2 },
    { next: 'later', job: 'polling', video: 'generating queued', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that is not found three times',
    { says: notFound, polls: 3 },
    { next: 'end', job: 'ended', video: 'failed TASK_FAILED yes', cancelled: 'TASK_FAILED yes' },
  ],
  [
    'a task that cannot be asked for',
    { says: away, polls: 12 },
    { next: 'later', job: 'polling', video: 'generating queued', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a limit',
    { says: limited },
    { next: 'later', job: 'polling', video: 'generating queued', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a closed gate',
    { says: completed, isGateClosed: true },
    { next: 'later', job: 'polling', video: 'generating queued', cancelled: 'CANCELLED maybe' },
  ],
  [
    'ten bad replies in a row',
    { says: unreadable, polls: 10 },
    { next: 'recheck', job: 'timed_out', video: 'failed PROVIDER_BAD_REPLY maybe', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that runs while its time is over',
    { says: running, isOver: true },
    { next: 'recheck', job: 'timed_out', video: 'failed TIMEOUT maybe', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that cannot be asked for while its time is over',
    { says: away, isOver: true },
    { next: 'recheck', job: 'timed_out', video: 'failed TIMEOUT maybe', cancelled: 'CANCELLED maybe' },
  ],
  [
    'a task that is made while its time is over and its gate is closed',
    { says: completed, isOver: true, isGateClosed: true },
    { next: 'at once', job: 'downloading', video: 'generating downloading', cancelled: 'CANCELLED yes' },
  ],
  [
    'a task that runs while its time is over and its gate is closed',
    { says: running, isOver: true, isGateClosed: true },
    { next: 'recheck', job: 'timed_out', video: 'failed TIMEOUT maybe', cancelled: 'CANCELLED maybe' },
  ],
];

const videoIn = (situation: Situation, { video, cancelled }: Expected): string =>
  ({
    plain: `mine ${video}`,
    cancelled: `mine failed ${cancelled}`,
    'a take was chosen': 'chosen completed',
    superseded: 'newer generating queued',
    'cancelled, superseded': 'newer generating queued',
  })[situation];

describe.each(Object.keys(situations) as Situation[])('an attempt in the situation: %s', (situation) => {
  test.each(cases)(`an attempt that is asked for meets %s: ${situation}`, async (_, given, expected) => {
    const provider = fakeProvider({ check: given.says });
    const job = given.isOver ? isOver : {};
    const attempt = await newAttempt({ provider: provider.name, state: 'polling', job, ...situations[situation] });
    if (given.isGateClosed) coolDown(provider.name, 'polls', 60_000);

    let waitMs: number | null = 0;
    for (let turn = 0; turn < (given.polls ?? 1); turn++) waitMs = await poll(attempt, provider);
    const isSuperseded = situation.includes('superseded') && expected.job !== 'ended';
    expect(await resultOf(attempt)).toEqual({
      job: `${isSuperseded ? 'superseded ' : ''}${expected.job}`,
      video: videoIn(situation, expected),
      takes: [],
    });
    expect(nextIn(waitMs)).toBe(expected.next);
    const isAsked = !given.isGateClosed || given.isOver;
    expect(provider.calls.check).toBe(isAsked ? (given.polls ?? 1) : 0);
  });
});

describe('the pause until the next poll', () => {
  const pauseAfter = async (says: Checked | Error, { polls = 1, job = {} }: { polls?: number; job?: object } = {}) => {
    const provider = fakeProvider({ check: says });
    const attempt = await newAttempt({ provider: provider.name, state: 'polling', job });
    let waitMs: number | null = 0;
    for (let turn = 0; turn < polls; turn++) waitMs = await poll(attempt, provider);
    return waitMs!;
  };
  const interval = config.VIDEO_POLL_INTERVAL_MS;

  test.each([
    ['is the interval while the task runs', running, 1, interval, interval * 1.2],
    ['grows while the task cannot be asked for', away, 4, interval * 8, interval * 8 * 1.2],
    ['grows while the task is not found', notFound, 2, interval * 2, interval * 2 * 1.2],
    ['is as long as the provider says', limited, 1, 4500, 5000],
  ])('the pause until the next poll %s', async (_, says, polls, from, to) => {
    const waitMs = await pauseAfter(says, { polls });
    expect(waitMs).toBeGreaterThanOrEqual(from);
    expect(waitMs).toBeLessThanOrEqual(to);
  });

  test('the pause until the next poll is never longer than the time that is left', async () => {
    const job = { accepted_at: ago(config.VIDEO_TIMEOUT_MS - 800) };
    expect(await pauseAfter(limited, { job })).toBeLessThanOrEqual(800);
  });

  test('the pause until the next poll is long without a provider, and the attempt stays as it is', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    expect(await poll(attempt, null)).toBe(30_000);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling', video: 'mine generating queued' });
  });

  test('the pause until the next poll is short for a provider that may be asked more often', async () => {
    const provider = fakeProvider({ check: running, checkEveryMs: 10 });
    const attempt = await newAttempt({ provider: provider.name, state: 'polling' });
    expect(await poll(attempt, provider)).toBeLessThanOrEqual(12);
  });
});

describe('progress', () => {
  test('progress is stored and told when it has moved by a hundredth, and not too often', async () => {
    const at = (progress: number): Checked => ({ state: 'running', progress });
    const provider = fakeProvider({ check: [at(0.4), at(0.42), at(0.405), at(0.42)] });
    const attempt = await newAttempt({ provider: provider.name, state: 'polling' });
    const seen = [];
    // When it was last told is set, and not waited for, so that a slow machine sees the same.
    for (const sinceMs of [60_000, -60_000, 60_000, 60_000]) {
      attempt.progressStoredAtMs = performance.now() - sinceMs;
      await poll(attempt, provider);
      const { video, version } = await storedOf(attempt);
      seen.push([video.progress, version]);
    }
    expect(seen).toEqual([
      [0.4, 2],
      [0.4, 2],
      [0.4, 2],
      [0.42, 3],
    ]);
  });

  test.each(['cancelled', 'a take was chosen', 'superseded'] as const)(
    'progress is no write at all where the video does not show it (%s)',
    async (situation) => {
      const provider = fakeProvider({ check: running });
      const attempt = await newAttempt({ provider: provider.name, state: 'polling', ...situations[situation] });
      const before = await storedOf(attempt);
      await poll(attempt, provider);
      expect(await storedOf(attempt)).toEqual(before);
    },
  );

  test('progress goes when the download begins', async () => {
    const provider = fakeProvider({ check: [running, completed] });
    const attempt = await newAttempt({ provider: provider.name, state: 'polling' });
    await poll(attempt, provider);
    await poll(attempt, provider);
    expect((await storedOf(attempt)).video).toMatchObject({ phase: 'downloading', progress: null });
  });
});

test('a download that begins knows the link, so that it need not ask again', async () => {
  const attempt = await newAttempt({ state: 'polling' });
  expect(await startDownload(attempt, completed as Extract<Checked, { state: 'completed' }>)).toBe(0);
  expect(attempt.result).toEqual(completed);
});

test('an attempt that another process follows is let go', async () => {
  const provider = fakeProvider({ check: completed });
  const attempt = await newAttempt({ provider: provider.name, state: 'polling' });
  await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease.epoch': 2 });
  await expect(poll(attempt, provider)).rejects.toThrow(LeaseLost);
  expect(await resultOf(attempt)).toMatchObject({ job: 'polling', video: 'mine generating queued' });
});

describe('an attempt that failed for the user and is asked for again', () => {
  const isOld = { accepted_at: ago(25 * hourMs) };
  const recheckOnce = async (given: Given, says: Checked | Error | (() => Promise<Checked>), times = 1) => {
    const provider = fakeProvider({ check: says });
    const attempt = await newAttempt({ provider: provider.name, ...given });
    let waitMs: number | null = 0;
    for (let turn = 0; turn < times; turn++) waitMs = await recheck(attempt, provider);
    if (attempt.job.state === 'downloading') waitMs = await deliver(attempt, provider);
    return { attempt, provider, next: nextIn(waitMs), waitMs };
  };

  const timedOut = 'mine failed TIMEOUT maybe';
  const notFetched = 'mine failed DOWNLOAD_FAILED yes';
  test.each([
    // it is        the provider says   then       the attempt       the video
    ['timed_out', 'it runs', running, 'recheck', 'timed_out', timedOut],
    ['timed_out', 'nothing', away, 'recheck', 'timed_out', timedOut],
    ['timed_out', 'it has none', notFound, 'recheck', 'timed_out', timedOut],
    ['timed_out', 'it failed', failed('no'), 'end', 'ended', 'mine failed TASK_FAILED no'],
    ['timed_out', 'it is made', finishedTask, 'end', 'ended', 'mine completed'],
    ['timed_out', 'it is made, no file', lostTask, 'recheck', 'download_failed', notFetched],
    ['download_failed', 'it runs', running, 'recheck', 'download_failed', notFetched],
    ['download_failed', 'nothing', away, 'recheck', 'download_failed', notFetched],
    ['download_failed', 'it failed', failed('yes'), 'end', 'ended', 'mine failed TASK_FAILED yes'],
    ['download_failed', 'it is made', finishedTask, 'end', 'ended', 'mine completed'],
    ['download_failed', 'it is made, no file', lostTask, 'recheck', 'download_failed', notFetched],
  ] as const)(
    'an attempt in %s is asked for again, and the provider says: %s',
    async (state, _, says, next, job, video) => {
      const result = await recheckOnce({ state }, says);
      expect(result.next).toBe(next);
      expect(await resultOf(result.attempt)).toEqual({ job, video, takes: [] });
    },
  );

  test.each([
    ['plain', 'downloading', 'mine generating downloading'],
    ['cancelled', 'downloading', 'mine failed CANCELLED yes'],
    ['a take was chosen', 'downloading', 'chosen completed'],
    ['superseded', 'superseded downloading', 'newer generating queued'],
  ] as const)(
    'an attempt that timed out (%s) is asked for again, and is stored as made before its clip is fetched',
    async (situation, job, video) => {
      const provider = fakeProvider({ check: completed });
      const given = { provider: provider.name, state: 'timed_out', ...situations[situation] } as const;
      const attempt = await newAttempt(given);
      expect(await recheck(attempt, provider)).toBe(0);
      expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
    },
  );

  test.each(['timed_out', 'download_failed'] as const)(
    'an attempt in %s is asked for again, and ends when it is not found three times',
    async (state) => {
      const { attempt, next } = await recheckOnce({ state }, notFound, 3);
      expect(next).toBe('end');
      expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed TASK_FAILED yes' });
      expect((await storedOf(attempt)).video.error!.message).toMatch(/no longer has this video/);
    },
  );

  test.each([
    // the provider says          then       the attempt         the video
    ['it runs', running, 'end', 'ended', timedOut],
    ['nothing', away, 'recheck', 'timed_out', timedOut],
    ['it has none', notFound, 'recheck', 'timed_out', timedOut],
    ['it is made', finishedTask, 'end', 'ended', 'mine completed'],
    ['it is made, no file', lostTask, 'recheck', 'download_failed', notFetched],
  ] as const)(
    'an attempt that timed out is asked for again for a day, and the provider says: %s',
    async (_, says, next, job, video) => {
      const result = await recheckOnce({ state: 'timed_out', job: isOld }, says);
      expect(result.next).toBe(next);
      expect(await resultOf(result.attempt)).toEqual({ job, video, takes: [] });
    },
  );

  test('a clip that is made and was not fetched in a day is asked for by a click only', async () => {
    const { attempt, provider, waitMs } = await recheckOnce({ state: 'download_failed', job: isOld }, finishedTask);
    expect(waitMs).toBeGreaterThan(24 * hourMs);
    expect(provider.calls.check).toBe(0);
    expect(await jobOf(attempt)).toMatchObject({ state: 'download_failed' });
  });

  test.each([
    ['cancelled', ['mine'], 'mine failed CANCELLED yes'],
    ['a take was chosen', ['mine'], 'chosen completed'],
    ['superseded', ['mine'], 'newer generating queued'],
    ['cancelled, superseded', ['mine'], 'newer generating queued'],
  ] as const)('an attempt is asked for again, and its clip becomes a take: %s', async (situation, takes, video) => {
    for (const state of ['timed_out', 'download_failed'] as const) {
      const { attempt, next } = await recheckOnce({ state, ...situations[situation] }, finishedTask);
      expect(next).toBe('end');
      expect(await resultOf(attempt)).toEqual({ job: 'ended', video, takes });
    }
  });
});
