process.env.FFMPEG_PATH = 'no-ffmpeg';
process.env.RUNWAY_API_KEY = 'key_runway';
process.env.PIKA_API_KEY = 'key_pika';

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import type { JobState } from '../../src/db/job';
import { Workspace } from '../../src/db/workspace';
import { active, type ActiveAttempt } from '../../src/generation/attempt';
import { journalTask, readAccepted } from '../../src/generation/journal';
import { staleAfterMs } from '../../src/generation/leases';
import { release } from '../../src/generation/queue';
import { requestVideo } from '../../src/generation/request';
import { submitsInFlight } from '../../src/generation/submit';
import { startAttempt, isEngineStopping, startEngine, stopEngine } from '../../src/generation/worker';
import { makeUploadFolders } from '../../src/media/uploads';
import type { Checked, Submitted } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  finishedTask,
  jobOf,
  newAttempt,
  newWorkspace,
  plugIn,
  rejectionOf,
  resultOf,
  storedOf,
  situations,
  type Attempted,
  type FakeProvider,
  type Given,
  type Situation,
} from '../helpers/attempts';
import { afterList, afterWrite } from '../helpers/driver-faults';
import { eventually } from '../helpers/generating';
import { useDatabase } from '../helpers/database';

const accepted: Submitted = { state: 'accepted', taskId: 'task-new' };
const runs: Checked = { state: 'running' };

const plug = (fake: Parameters<typeof fakeProvider>[0]): FakeProvider => plugIn('runway', fakeProvider(fake));
const newRunwayAttempt = (given: Given = {}) => newAttempt({ provider: 'runway', ...given });
const activeOf = ({ job }: Attempted): ActiveAttempt | undefined => active.get(job.attempt_id);

/** Waits until an attempt is let go. */
const letGo = async ({ stop }: ActiveAttempt): Promise<void> => {
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
};

/** The next change of an attempt that is being followed. */
const changed = (attempt: Attempted, isThere: (result: Awaited<ReturnType<typeof resultOf>>) => boolean) =>
  eventually(async () => {
    const result = await resultOf(attempt);
    return isThere(result) && result;
  });

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
});
afterEach(async () => {
  for (const attempt of [...active.values()]) release(attempt);
  await Workspace.deleteMany({});
});
afterAll(async () => {
  await stopEngine();
});

describe('an attempt that is brought to its end', () => {
  test.each([
    // it is           situation              the attempt     the video                    its clip     creates
    ['queued', 'plain', 'ended', 'mine completed', [], 1],
    ['queued', 'cancelled', 'ended', 'mine failed CANCELLED no', [], 0],
    ['submitting', 'plain', 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe', [], 0],
    ['submitting', 'superseded', 'superseded in_doubt', 'newer generating queued', [], 0],
    ['polling', 'plain', 'ended', 'mine completed', [], 0],
    ['polling', 'a take was chosen', 'ended', 'chosen completed', ['mine'], 0],
    ['polling', 'superseded', 'ended', 'newer generating queued', ['mine'], 0],
    ['polling', 'cancelled', 'ended', 'mine failed CANCELLED yes', ['mine'], 0],
    ['downloading', 'plain', 'ended', 'mine completed', [], 0],
    ['downloading', 'cancelled', 'ended', 'mine failed CANCELLED yes', ['mine'], 0],
    ['timed_out', 'plain', 'ended', 'mine completed', [], 0],
    ['timed_out', 'superseded', 'ended', 'newer generating queued', ['mine'], 0],
    ['download_failed', 'plain', 'ended', 'mine completed', [], 0],
    ['in_doubt', 'plain', 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe', [], 0],
  ] as [JobState, Situation, string, string, string[], number][])(
    'an attempt is brought to its end from %s (%s): %s, %s',
    async (state, situation, job, video, takes, creates) => {
      const provider = plug({ submit: accepted, check: finishedTask });
      const attempt = startAttempt(await newRunwayAttempt({ state, ...situations[situation] }));
      await letGo(attempt);
      expect(await resultOf(attempt)).toEqual({ job, video, takes });
      expect(provider.calls.submit).toBe(creates);
      expect(active.size).toBe(0);
    },
  );

  test('an attempt is brought to its end through all its steps', async () => {
    const provider = plug({ submit: accepted, check: [{ state: 'queued' }, runs, runs, finishedTask] });
    const attempt = startAttempt(await newRunwayAttempt());
    expect(await attempt.firstOutcome.promise).toBe('accepted');
    await letGo(attempt);
    expect(provider.calls).toMatchObject({ submit: 1, check: 4 });
  });

  test('an attempt is brought to its end by its provider’s deletion where it was cancelled', async () => {
    const provider = plug({ check: runs, cancel: 'confirmed' });
    await letGo(startAttempt(await newRunwayAttempt({ state: 'polling', isCancelled: true })));
    expect(provider.calls.cancel).toBe(1);
  });

  test('an attempt is brought to its end in the order of the clicks, as slots come free', async () => {
    const order: string[] = [];
    const provider = plug({ submit: accepted, check: finishedTask });
    const create = provider.submit;
    plugIn('runway', { ...provider, submit: (job, signal) => (order.push(job.attempt_id), create(job, signal)) });
    for (let index = 0; index < config.VIDEO_MAX_CONCURRENT - 1; index++) await newRunwayAttempt({ state: 'polling' });
    const waiting = [];
    for (let index = 0; index < 4; index++)
      waiting.push(await newRunwayAttempt({ job: { intent_at: ago(9000 - index) } }));
    const followed = waiting.map(startAttempt);
    await Promise.all(followed.map(letGo));
    expect(order).toEqual(waiting.map(({ job }) => job.attempt_id));
  });
});

describe('an attempt in this process', () => {
  test('an attempt in this process has one follower: a later one takes the place of the earlier', async () => {
    plug({ check: runs });
    const attempt = await newRunwayAttempt({ state: 'polling' });
    const [before, after] = [startAttempt(attempt), startAttempt(attempt)];
    expect(before.stop.signal.aborted).toBe(true);
    expect([...active.values()]).toEqual([after]);
  });

  test('an attempt in this process is let go after a step that fails, and taken up by the next lease round', async () => {
    const provider = plug({ check: finishedTask });
    const attempt = await newRunwayAttempt({ state: 'polling' });
    plugIn('runway', { ...provider, check: async () => ({ state: 'completed' }) as Checked });
    jest.spyOn(Workspace.collection, 'findOneAndUpdate').mockRejectedValueOnce(new TypeError('a fault of ours'));
    await letGo(startAttempt(attempt));
    jest.restoreAllMocks();
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
    plugIn('runway', provider);
    await startEngine();
    await letGo(activeOf(attempt)!);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
  });

  test('an attempt in this process wakes the next once it holds no slot any more', async () => {
    const provider = plug({ submit: accepted, check: runs });
    for (let index = 0; index < config.VIDEO_MAX_CONCURRENT - 1; index++) await newRunwayAttempt({ state: 'polling' });
    const running = startAttempt(await newRunwayAttempt({ state: 'polling' }));
    const waiting = startAttempt(await newRunwayAttempt());
    expect(await waiting.firstOutcome.promise).toBe('waiting');
    plugIn('runway', { ...provider, check: () => finishedTask() });
    await letGo(running);
    await letGo(waiting);
    expect(await resultOf(waiting)).toMatchObject({ job: 'ended', video: 'mine completed' });
  });
});

describe('a start', () => {
  const gone = { owner: 'elsewhere:1:a', until: ago(1000), epoch: 1 };

  test('a start takes up what a silent process has left, in whatever place', async () => {
    plug({ check: finishedTask });
    const attempt = await newRunwayAttempt({ state: 'polling', job: { lease: gone } });
    const late = await newRunwayAttempt({ state: 'timed_out', isSuperseded: true, job: { lease: gone } });
    await startEngine();
    await Promise.all([attempt, late].map((left) => changed(left, ({ job }) => job === 'ended')));
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine completed' });
    expect(await resultOf(late)).toMatchObject({ takes: ['mine'] });
  });

  test('a start leaves what a living process follows', async () => {
    plug({ check: finishedTask });
    const lease = { owner: 'elsewhere:1:a', until: ago(-60_000), epoch: 1 };
    const attempt = await newRunwayAttempt({ state: 'polling', job: { lease } });
    await startEngine();
    expect(active.size).toBe(0);
    expect(await jobOf(attempt)).toEqual(attempt.job);
  });

  test.each([
    ['whose answer was out', { state: 'submitting' }, 'polling', 'mine generating'],
    ['in doubt', { state: 'in_doubt' }, 'polling', 'mine generating'],
    [
      'cancelled while its answer was out',
      { state: 'submitting', isCancelled: true },
      'polling',
      'mine failed CANCELLED',
    ],
    ['superseded', { state: 'in_doubt', isSuperseded: true }, 'superseded polling', 'newer generating'],
  ] as [string, Given, string, string][])(
    'a start settles a noted task of one that is %s',
    async (_, given, job, video) => {
      plug({ check: runs });
      const attempt = await newRunwayAttempt(given);
      const { attempt_id } = attempt.job;
      await journalTask({ workspace_id: attempt.workspaceId, attempt_id, task_id: 'task-noted' });
      await startEngine();
      const result = await resultOf(attempt);
      expect(result).toMatchObject({ job, video: expect.stringContaining(video) });
      expect(await jobOf(attempt)).toMatchObject({ task_id: 'task-noted' });
      expect(await readAccepted(attempt_id)).toBeNull();
      expect(activeOf(attempt)).toBeDefined();
    },
  );

  test('a start is not kept from starting by a note that nobody can read, or of another database', async () => {
    await writeFile(path.join(config.DATA_DIR, 'accepted', 'broken.json'), '{');
    const task = { workspace_id: 'a'.repeat(24), attempt_id: 'elsewhere', task_id: 'task-1' };
    await journalTask(task);
    await startEngine();
    expect(await readAccepted('elsewhere')).toEqual(task);
  });

  test('a start finds a create in doubt at a provider that can be asked again', async () => {
    const lookup = 'task-found';
    plug({ deduplication: 'lookup', lookup, check: runs });
    const attempt = await newRunwayAttempt({ state: 'in_doubt', job: { lease: gone } });
    await startEngine();
    await eventually(async () => (await jobOf(attempt))?.task_id === lookup);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
  });

  test('a start sends nothing that nobody has held for long, as from a backup', async () => {
    const provider = plug({ submit: accepted });
    const lease = { ...gone, until: ago(staleAfterMs + 1000) };
    const attempt = await newRunwayAttempt({ job: { lease } });
    await startEngine();
    expect(await resultOf(attempt)).toMatchObject({ job: 'in_doubt', video: 'mine failed SUBMIT_UNKNOWN maybe' });
    expect(provider.calls.submit).toBe(0);
    const { message } = (await storedOf(attempt)).video.error!;
    expect(message).toMatch(/was not started automatically.*if the database comes from a backup/);
  });
});

describe('a lease round', () => {
  test('a lease round leaves the follower of an attempt alone', async () => {
    plug({ check: runs });
    const attempt = await newRunwayAttempt({ state: 'polling' });
    await startEngine();
    const followed = activeOf(attempt);
    await startEngine();
    expect(activeOf(attempt)).toBe(followed);
    expect(followed!.stop.signal.aborted).toBe(false);
  });

  test('a lease round lets go of what another process has taken', async () => {
    plug({ check: () => new Promise(() => undefined) });
    const attempt = await newRunwayAttempt({ state: 'polling' });
    const followed = startAttempt(attempt);
    const lease = { owner: 'elsewhere:1:a', until: ago(-60_000), epoch: 2 };
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease': lease });
    await startEngine();
    expect(followed.stop.signal.aborted).toBe(true);
    expect(active.size).toBe(0);
  });

  test('a lease round lets go of nothing whose paid request is out', async () => {
    const attempt = await newRunwayAttempt({ state: 'polling' });
    plug({ check: () => new Promise(() => undefined) });
    const followed = startAttempt(attempt);
    followed.isSending = true;
    const lease = { owner: 'elsewhere:1:a', until: ago(-60_000), epoch: 2 };
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease': lease });
    await startEngine();
    expect(activeOf(attempt)).toBe(followed);
  });

  test('a lease round wakes an attempt that another process has cancelled', async () => {
    const limited = new AppError('PROVIDER_RATE_LIMITED', '429', { retryAfterMs: 60_000 });
    // A provider of its own, whose gate stays closed.
    const provider = plugIn('pika', fakeProvider({ check: [limited, runs], cancel: 'confirmed' }));
    const attempt = await newAttempt({ provider: 'pika', state: 'polling' });
    const followed = startAttempt(attempt);
    await eventually(async () => followed.failedPolls === 1);
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.cancelled_at': new Date(), 'job.step': 'wish' });
    await startEngine();
    await letGo(followed);
    expect(provider.calls.cancel).toBe(1);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended' });
  });

  test('a lease round does not follow again what has ended while it read', async () => {
    let answer = (_: Checked): void => undefined;
    plug({ check: () => new Promise((resolve) => (answer = resolve)) });
    const attempt = await newRunwayAttempt({ state: 'polling' });
    const followed = startAttempt(attempt);
    const isOfLeases = (filter: object) => '$or' in filter;
    afterList(isOfLeases, async () => {
      answer({ state: 'failed', code: 'TASK_FAILED', reason: '?', charged: 'no' });
      await letGo(followed);
    });
    await startEngine();
    expect(active.size).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed TASK_FAILED no' });
  });

  test('a lease round comes by itself', async () => {
    plug({ check: finishedTask });
    await startEngine();
    const attempt = await newRunwayAttempt({ state: 'polling' });
    expect(await changed(attempt, ({ job }) => job === 'ended')).toMatchObject({ video: 'mine completed' });
  });
});

// The last one: it ends the engine of this process for good.
describe('a stop', () => {
  test('a stop waits for the paid request that is out, begins no more, and lets another process take the rest', async () => {
    let answer = (_: Submitted) => undefined as void;
    const provider = plug({ submit: () => new Promise((resolve) => (answer = resolve)), check: runs });
    const sending = await newRunwayAttempt({ job: { intent_at: ago(3000) } });
    const polled = startAttempt(await newRunwayAttempt({ state: 'polling' }));
    startAttempt(sending);
    await eventually(async () => provider.calls.submit === 1);
    const intentStored = new Promise<void>((resolve) =>
      afterWrite((set) => set['job.state'] === 'submitting', resolve),
    );
    // Made only now, as a lease round of a slow machine might start it before the other one.
    const leaving = await newRunwayAttempt({ job: { intent_at: ago(2000) } });
    startAttempt(leaving);

    await intentStored;
    const stopping = stopEngine();
    expect(isEngineStopping()).toBe(true);
    expect(polled.stop.signal.aborted).toBe(true);
    expect(submitsInFlight.size).toBeGreaterThan(0);
    answer(accepted);
    await stopping;

    expect(submitsInFlight.size).toBe(0);
    expect(provider.calls.submit).toBe(1);
    expect(await resultOf(sending)).toMatchObject({ job: 'polling', video: 'mine generating queued' });
    expect(await resultOf(leaving)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
    for (const attempt of [sending, leaving, polled])
      expect((await jobOf(attempt))!.lease.until.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('a stop lets no click begin', async () => {
    const { _id } = await newWorkspace();
    const click = async () => requestVideo({ workspaceId: String(_id), acceptSecondCharge: false });
    expect(await rejectionOf(click())).toMatchObject({ code: 'BUSY' });
  });

  test('a stop leaves an attempt that comes late to the next start', async () => {
    const provider = plug({ submit: accepted });
    const attempt = await newRunwayAttempt();
    await letGo(startAttempt(attempt));
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'queued' });
  });
});
