import mongoose from 'mongoose';
import { config } from '../../src/config';
import { video as videoShape } from '../../src/contract/video';
import {
  activate,
  coolDown,
  cooldownLeftMs,
  failure,
  isNoCharge,
  nextPollMs,
  ownsVideo,
  pauseMs,
  takeOf,
  usableProvider,
  type Attempt,
} from '../../src/generation/attempt';
import { fakeProvider, finishedVideo, idOf, newJob, videoOf, type Given } from '../helpers/attempts';

function attemptOf(given: Given = {}): Attempt {
  const job = newJob({ state: 'polling', ...given });
  const video = given.isTakeChosen ? finishedVideo('chosen') : videoOf(job);
  return { workspaceId: String(new mongoose.Types.ObjectId()), job, video, isSuperseded: false };
}

test.each([
  ['that the user waits for', true, {}],
  ['that timed out', true, { state: 'timed_out' }],
  ['that the user cancelled', false, { isCancelled: true }],
  ['whose place a chosen take has', false, { isTakeChosen: true }],
] as [string, boolean, Given][])('an attempt %s owns the video: %s', (_, expected, given) => {
  expect(ownsVideo(attemptOf(given))).toBe(expected);
});

test.each([
  ['runway', 'maybe', 'maybe'],
  ['runway', 'yes', 'yes'],
  ['local', 'maybe', 'no'],
  ['local', 'yes', 'no'],
] as const)('a failure at %s that is charged %s says %s', (provider, charged, expected) => {
  expect(failure('TIMEOUT', provider, charged)).toMatchObject({
    status: 'failed',
    phase: null,
    progress: null,
    error: { code: 'TIMEOUT', charged: expected },
  });
});

test('a take of an attempt is a video that fits the contract, whatever its form was stored as', () => {
  const attempt = attemptOf();
  const form = { ...attempt.job.form_data, _id: 'not of a form' };
  const completed = {
    status: 'completed',
    url: '/uploads/videos/x.mp4',
    completed_at: new Date().toISOString(),
  } as const;
  const take = takeOf({ ...attempt, job: { ...attempt.job, form_data: form } }, completed);
  expect(videoShape.parse(take)).toEqual(take);
  expect(take).toMatchObject({ attempt_id: attempt.job.attempt_id, form_data: attempt.job.form_data });
});

test('a gate stays closed for the longest time that was asked for', () => {
  const name = idOf('fake');
  coolDown(name, 'polls', 5000);
  coolDown(name, 'polls', 100);
  expect(cooldownLeftMs(name, 'polls')).toBeGreaterThan(4000);
  expect(cooldownLeftMs(name, 'creates')).toBe(0);
  expect(cooldownLeftMs(idOf('fake'), 'polls')).toBe(0);
});

test('pauses double from the interval up to half a minute', () => {
  const interval = config.VIDEO_POLL_INTERVAL_MS;
  for (const [failures, ms] of [
    [0, interval],
    [1, 2 * interval],
    [3, 8 * interval],
    [30, 30_000],
  ] as const) {
    expect(pauseMs(failures)).toBeGreaterThanOrEqual(ms);
    expect(pauseMs(failures)).toBeLessThanOrEqual(1.2 * ms);
  }
});

test.each([
  ['the interval', undefined, config.VIDEO_POLL_INTERVAL_MS],
  ['the provider’s own where that is shorter', 10, 10],
  ['the interval where the provider’s own is longer', 99_999, config.VIDEO_POLL_INTERVAL_MS],
])('the next poll comes after %s', (_, checkEveryMs, ms) => {
  const waitMs = nextPollMs(fakeProvider({ checkEveryMs }));
  expect(waitMs).toBeGreaterThanOrEqual(ms);
  expect(waitMs).toBeLessThanOrEqual(1.2 * ms);
});

test.each([
  ['local', true],
  ['runway', false],
  ['gone-by-now', false],
])('tasks at %s cost nothing: %s', (provider, expected) => {
  expect(isNoCharge(provider)).toBe(expected);
});

test.each([
  ['is there', 'local', 'local'],
  ['has no key', 'runway', undefined],
  ['has no file', 'gone-by-now', undefined],
])('the provider of an attempt that %s', (_, provider, name) => {
  expect(usableProvider(attemptOf({ provider }))?.name).toBe(name);
});

test('an attempt begins anew in memory', () => {
  const attempt = attemptOf();
  const taken = activate(attempt);
  expect(taken).toMatchObject({ ...attempt, hasSlot: false, isSending: false, refusals: 0, notFound: 0, result: null });
  expect(activate(attempt).stop).not.toBe(taken.stop);
});
