import { idleVideo } from '../../src/contract/defaults';
import { Workspace } from '../../src/db/workspace';
import { active, coolDown, LeaseLost, type ActiveAttempt } from '../../src/generation/attempt';
import { cancelAtProvider, cancelVideo, dropUnsentJob } from '../../src/generation/cancel';
import type { Checked } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  finishedVideo,
  hourMs,
  jobOf,
  newAttempt,
  newWorkspace,
  nextIn,
  rejectionOf,
  resultOf,
  storedOf,
  type FakeProvider,
  type Given,
} from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(() => active.clear());

const waits: Checked = { state: 'queued' };
const runs: Checked = { state: 'running' };
const made: Checked = { state: 'completed', url: 'https://example.com/clip.mp4' };
const notFound: Checked = { state: 'not_found', reason: '404' };
const failed: Checked = { state: 'failed', code: 'TASK_FAILED', reason: 'it broke', charged: 'no' };
const away = new AppError('PROVIDER_FAILED', 'away');
const confirmed = 'confirmed' as const;

const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

describe('a cancelled attempt at its provider', () => {
  const cancelled = { state: 'polling', isCancelled: true } satisfies Given;
  const places: [string, Given, string][] = [
    ['in its place', {}, 'mine failed CANCELLED maybe'],
    ['superseded', { isSuperseded: true }, 'newer generating queued'],
  ];

  async function rounds(provider: FakeProvider, given: Given, times: number) {
    const attempt = await newAttempt({ provider: provider.name, ...cancelled, ...given });
    let waitMs: number | null = 0;
    for (let round = 0; round < times && waitMs !== null; round++) waitMs = await cancelAtProvider(attempt, provider);
    return { attempt, next: nextIn(waitMs) };
  }

  type Says = (Checked | Error)[];
  const table: [string, Says, ('confirmed' | Error)[], { next: string; job: string; deletes: number }][] = [
    ['that waits there is deleted', [waits], [confirmed], { next: 'end', job: 'ended', deletes: 1 }],
    ['that runs there is deleted', [runs], [confirmed], { next: 'end', job: 'ended', deletes: 1 }],
    ['whose deletion fails is kept', [runs], [away], { next: 'later', job: 'polling', deletes: 1 }],
    [
      'is deleted again until that is confirmed',
      [runs, runs, runs],
      [away, away, confirmed],
      { next: 'end', job: 'ended', deletes: 3 },
    ],
    [
      'that is not found once after a deletion without an answer is kept',
      [runs, notFound],
      [away],
      { next: 'later', job: 'polling', deletes: 1 },
    ],
    [
      'that is not found three times after a deletion without an answer is done',
      [runs, notFound, notFound, notFound],
      [away],
      { next: 'end', job: 'ended', deletes: 1 },
    ],
    ['that is made is not deleted', [made], [confirmed], { next: 'at once', job: 'downloading', deletes: 0 }],
    [
      'that was made in spite of a deletion is not deleted again',
      [runs, made],
      [away],
      { next: 'at once', job: 'downloading', deletes: 1 },
    ],
    ['that is not found once is kept', [notFound], [confirmed], { next: 'later', job: 'polling', deletes: 0 }],
    [
      'that is not found three times is done',
      [notFound, notFound, notFound],
      [confirmed],
      { next: 'end', job: 'ended', deletes: 0 },
    ],
    ['that is found at last is deleted', [notFound, runs], [confirmed], { next: 'end', job: 'ended', deletes: 1 }],
    ['that cannot be asked for is kept', [away], [confirmed], { next: 'later', job: 'polling', deletes: 0 }],
  ];

  describe.each(places)('%s', (situation, place, video) => {
    test.each(table)(`a cancelled attempt %s: ${situation}`, async (__, check, cancel, { next, job, deletes }) => {
      const provider = fakeProvider({ check, cancel });
      const result = await rounds(provider, place, check.length);
      const inPlace = place.isSuperseded && job !== 'ended' ? `superseded ${job}` : job;
      const says = job === 'downloading' ? video.replace('maybe', 'yes') : video;
      expect(await resultOf(result.attempt)).toEqual({ job: inPlace, video: says, takes: [] });
      expect(result.next).toBe(next);
      expect(provider.calls.cancel).toBe(deletes);
    });
  });

  test.each([
    ['not found twice', [notFound, notFound]],
    ['not found right after it could not be asked for', [away, notFound]],
  ])('a cancelled attempt that was never asked to go and is %s is kept', async (_, check) => {
    const provider = fakeProvider({ check, cancel: confirmed });
    const { attempt } = await rounds(provider, {}, check.length);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
  });

  test('a cancelled attempt that failed there says what that costs', async () => {
    const { attempt, next } = await rounds(fakeProvider({ check: failed, cancel: confirmed }), {}, 1);
    expect(next).toBe('end');
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed CANCELLED no' });
  });

  test('a cancelled attempt is asked for in spite of a closed gate', async () => {
    const provider = fakeProvider({ check: runs, cancel: confirmed });
    coolDown(provider.name, 'polls', 60_000);
    const { attempt } = await rounds(provider, {}, 1);
    expect(provider.calls).toMatchObject({ check: 1, cancel: 1 });
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended' });
  });

  test.each([
    ['runs and is not deleted', runs],
    ['cannot be asked for', away],
    ['is not found once', notFound],
  ])('a cancelled attempt that %s a day later leaves its slot, and is not given up', async (_, check) => {
    const job = { accepted_at: ago(25 * hourMs) };
    const { attempt, next } = await rounds(fakeProvider({ check, cancel: away }), { job }, 2);
    expect(next).toBe('recheck');
    expect(await resultOf(attempt)).toMatchObject({ job: 'timed_out', video: 'mine failed CANCELLED maybe' });
  });

  test('a cancelled attempt whose time ran out while its key was missing is cancelled once the key is back', async () => {
    const provider = fakeProvider({ check: runs, cancel: confirmed });
    const isOver = { accepted_at: ago(hourMs) };
    const attempt = await newAttempt({ provider: provider.name, ...cancelled, job: isOver });
    await cancelAtProvider(attempt, null);
    expect(await resultOf(attempt)).toMatchObject({ job: 'timed_out' });
    expect(nextIn(await cancelAtProvider(attempt, null))).toBe('recheck');
    expect(await cancelAtProvider(attempt, provider)).toBeNull();
    expect(provider.calls.cancel).toBe(1);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended' });
  });

  test('a cancelled attempt is deleted again no earlier than its provider asks for', async () => {
    const limited = new AppError('PROVIDER_RATE_LIMITED', '429', { retryAfterMs: 60_000 });
    const provider = fakeProvider({ check: runs, cancel: limited });
    const attempt = await newAttempt({ provider: provider.name, ...cancelled });
    expect(await cancelAtProvider(attempt, provider)).toBe(60_000);
  });

  test('a cancelled attempt is deleted with longer and longer pauses', async () => {
    const provider = fakeProvider({ check: runs, cancel: away });
    const attempt = await newAttempt({ provider: provider.name, ...cancelled });
    const pauses = [];
    for (let round = 0; round < 5; round++) pauses.push((await cancelAtProvider(attempt, provider))!);
    expect(pauses.at(-1)).toBeGreaterThan(8 * pauses[0]!);
  });

  test.each([
    ['that runs is followed', runs, 'later', 'polling'],
    ['that is made is fetched', made, 'at once', 'downloading'],
    ['that failed ends', failed, 'end', 'ended'],
  ] as const)('a cancelled attempt of a provider that cannot cancel and %s', async (_, check, next, job) => {
    const result = await rounds(fakeProvider({ check }), {}, 1);
    expect(result.next).toBe(next);
    expect(await resultOf(result.attempt)).toMatchObject({ job });
    expect(await isSettled(result.attempt.cancelTried.promise)).toBe(true);
  });

  test('a cancelled attempt waits for a provider that cannot be used now', async () => {
    const attempt = await newAttempt(cancelled);
    expect(nextIn(await cancelAtProvider(attempt, null))).toBe('later');
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
  });

  test.each(places)('a cancelled attempt %s and not sent ends without a word to the provider', async (_, place) => {
    const provider = fakeProvider({ cancel: confirmed });
    const attempt = await newAttempt({ provider: provider.name, ...cancelled, ...place, state: 'queued' });
    expect(await cancelAtProvider(attempt, provider)).toBeNull();
    expect(provider.calls).toMatchObject({ check: 0, cancel: 0 });
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended' });
  });

  test('a cancelled attempt that another process follows is let go after the deletion', async () => {
    const provider = fakeProvider({ check: runs, cancel: confirmed });
    const attempt = await newAttempt({ provider: provider.name, ...cancelled });
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease.epoch': 2 });
    await expect(cancelAtProvider(attempt, provider)).rejects.toThrow(LeaseLost);
  });

  const lets = async (check: Checked) => {
    const provider = fakeProvider({ check, cancel: away });
    const { attempt } = await rounds(provider, {}, 1);
    return isSettled(attempt.cancelTried.promise);
  };

  test('a cancelled attempt lets the click be answered once the provider was asked to cancel', async () => {
    expect(await lets(runs)).toBe(true);
  });

  test('a cancelled attempt lets the click be answered before the clip of a made one is fetched', async () => {
    expect(await lets(made)).toBe(true);
  });
});

describe('a cancellation by the user', () => {
  test.each([
    ['queued', 'ended', 'mine failed CANCELLED no'],
    ['submitting', 'submitting', 'mine failed CANCELLED maybe'],
    ['polling', 'polling', 'mine failed CANCELLED maybe'],
    ['downloading', 'downloading', 'mine failed CANCELLED yes'],
  ] as const)('a cancellation by the user of one that is %s: %s, %s', async (state, job, video) => {
    const attempt = await newAttempt({ state });
    const answer = await cancelVideo(attempt.workspaceId, attempt.job.attempt_id);
    expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
    expect(answer).toMatchObject({ workspace_id: attempt.workspaceId, video: { error: { code: 'CANCELLED' } } });
    if (job !== 'ended') expect(await jobOf(attempt)).toMatchObject({ cancelled_at: expect.any(Date) });
  });

  test.each(['submitting', 'polling', 'downloading'] as const)(
    'a cancellation by the user of one that costs nothing, %s, says so',
    async (state) => {
      const attempt = await newAttempt({ provider: 'local', state });
      await cancelVideo(attempt.workspaceId);
      expect(await resultOf(attempt)).toMatchObject({ video: 'mine failed CANCELLED no' });
    },
  );

  test('a cancellation by the user leaves the takes and the picture as they are', async () => {
    const take = finishedVideo('take');
    const attempt = await newAttempt({ state: 'polling', workspace: { takes: [take] } });
    const { image_path, version } = await storedOf(attempt);
    await cancelVideo(attempt.workspaceId);
    expect(await storedOf(attempt)).toMatchObject({
      image_path,
      version: version + 1,
      takes: [{ status: 'completed' }],
    });
  });

  test.each([
    ['an idle video', { video: { ...idleVideo }, job: null }],
    ['a finished one', { video: finishedVideo('done'), job: null }],
  ])('a cancellation by the user of %s is NOT_GENERATING', async (_, fields) => {
    const { _id } = await newWorkspace(fields);
    expect(await rejectionOf(cancelVideo(String(_id)))).toMatchObject({ code: 'NOT_GENERATING' });
  });

  test.each([
    ['cancelled already', { state: 'polling', isCancelled: true }],
    ['timed out', { state: 'timed_out' }],
    ['in doubt', { state: 'in_doubt' }],
    ['not shown, as a take was chosen', { state: 'polling', isTakeChosen: true }],
  ] as [string, Given][])('a cancellation by the user of one that is %s is NOT_GENERATING', async (_, given) => {
    const attempt = await newAttempt(given);
    const before = await storedOf(attempt);
    expect(await rejectionOf(cancelVideo(attempt.workspaceId))).toMatchObject({ code: 'NOT_GENERATING' });
    expect(await storedOf(attempt)).toEqual(before);
  });

  test('a cancellation by the user of another attempt than the running one is NOT_GENERATING', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    const error = await rejectionOf(cancelVideo(attempt.workspaceId, 'an-older-one'));
    expect(error).toMatchObject({ code: 'NOT_GENERATING' });
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine generating queued' });
  });

  test('a cancellation by the user in the trash is WORKSPACE_NOT_FOUND', async () => {
    const attempt = await newAttempt({ state: 'polling', workspace: { deleted_at: new Date() } });
    expect(await rejectionOf(cancelVideo(attempt.workspaceId))).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
  });
});

describe('the loop of a cancelled attempt', () => {
  const follow = (attempt: ActiveAttempt) => active.set(attempt.job.attempt_id, attempt);

  test('the loop of a cancelled attempt is let go where nothing was sent', async () => {
    const attempt = await newAttempt();
    follow(attempt);
    await cancelVideo(attempt.workspaceId);
    expect(attempt.stop.signal.aborted).toBe(true);
    expect(active.size).toBe(0);
  });

  test.each(['submitting', 'downloading'] as const)(
    'the loop of a cancelled attempt hears of it and goes on where it is %s',
    async (state) => {
      const attempt = await newAttempt({ state });
      follow(attempt);
      await cancelVideo(attempt.workspaceId);
      expect(attempt.job.cancelled_at).toBeInstanceOf(Date);
      expect(attempt.wake.signal.aborted).toBe(true);
      expect(attempt.stop.signal.aborted).toBe(false);
      expect(await attempt.firstOutcome.promise).toBe('ended');
    },
  );

  test('the loop of a cancelled attempt is waited for while the provider is asked to cancel', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    follow(attempt);
    const woken = new Promise((resolve) => attempt.wake.signal.addEventListener('abort', resolve));
    const answer = cancelVideo(attempt.workspaceId);
    await woken;
    expect(await isSettled(answer)).toBe(false);
    attempt.cancelTried.resolve();
    expect((await answer).video.error!.code).toBe('CANCELLED');
  });
});

describe('a workspace that goes to the trash', () => {
  const inTrash = { deleted_at: new Date() };

  test('a workspace that goes to the trash ends what was not sent', async () => {
    const attempt = await newAttempt({ workspace: inTrash });
    active.set(attempt.job.attempt_id, attempt);
    await dropUnsentJob(attempt.workspaceId);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed CANCELLED no' });
    expect(active.size).toBe(0);
  });

  test.each(['submitting', 'polling', 'downloading', 'timed_out', 'in_doubt'] as const)(
    'a workspace that goes to the trash keeps an attempt that is %s',
    async (state) => {
      const attempt = await newAttempt({ state, workspace: inTrash });
      await dropUnsentJob(attempt.workspaceId);
      expect(await resultOf(attempt)).toMatchObject({ job: state });
    },
  );

  test('a workspace that goes to the trash keeps what was not sent where it has come back', async () => {
    const attempt = await newAttempt();
    await dropUnsentJob(attempt.workspaceId);
    expect(await resultOf(attempt)).toMatchObject({ job: 'queued' });
  });
});
