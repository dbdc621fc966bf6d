import mongoose, { mongo } from 'mongoose';
import type { Video } from '../../src/contract/video';
import { Workspace } from '../../src/db/workspace';
import { LeaseLost, type ActiveAttempt } from '../../src/generation/attempt';
import { cancelVideo } from '../../src/generation/cancel';
import { storeChoice } from '../../src/generation/clicks';
import {
  attemptIn,
  broadcast,
  dotted,
  isWanted,
  stopPersisting,
  storeTaskId,
  storeStep,
} from '../../src/generation/store';
import {
  clickAnew,
  finishedVideo,
  jobOf,
  listen,
  newAttempt,
  newJob,
  newWorkspace,
  resultOf,
  situations,
  storedOf,
  type Attempted,
  type Given,
  type Situation,
} from '../helpers/attempts';
import { afterRead, loseAnswers, refuseWrites } from '../helpers/driver-faults';
import { useDatabase } from '../helpers/database';
import { processId } from '../../src/utils/process-id';

useDatabase();
afterEach(() => jest.restoreAllMocks());

const runs = { video: { phase: 'running', progress: 0.5 }, job: {} } as const;
const failed = { status: 'failed', phase: null, error: { code: 'TASK_FAILED', message: '?', charged: 'yes' } } as const;
const completed = { status: 'completed', phase: null, error: null, url: '/uploads/videos/x.mp4' } as const;

const chooseFirstTake = async (attempt: Attempted) =>
  storeChoice(await storedOf(attempt), { index: 0, form: null, key: undefined });
describe('a step', () => {
  test('a step stores what it says of the job and of the video, counts a version and tells it once', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    const { version, updated_at } = await storedOf(attempt);
    const told = listen(attempt);
    await storeStep(attempt, { video: { phase: 'running' }, job: { submit_attempts: 3 } });
    const stored = await storedOf(attempt);
    expect(stored).toMatchObject({ version: version + 1, video: { phase: 'running' }, job: { submit_attempts: 3 } });
    expect(new Date(stored.updated_at).getTime()).toBeGreaterThanOrEqual(new Date(updated_at).getTime());
    expect(told).toEqual(['mine generating running']);
    expect(attempt).toMatchObject({ job: stored.job, video: stored.video });
  });

  test('a step of the job alone is no version and is not told', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    const told = listen(attempt);
    await storeStep(attempt, { job: { state: 'timed_out' } });
    expect(await storedOf(attempt)).toMatchObject({ version: 1, job: { state: 'timed_out' } });
    expect(told).toEqual([]);
  });

  test('a step of a workspace in the trash is stored and not told', async () => {
    const attempt = await newAttempt({ state: 'polling', workspace: { deleted_at: new Date() } });
    const told = listen(attempt);
    await storeStep(attempt, runs);
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine generating running' });
    expect(told).toEqual([]);
  });

  test('a step with a value that does not fit is refused at once', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    await expect(storeStep(attempt, { job: { nonsense: 1 } as object })).rejects.toThrow(/nonsense/);
    expect(await storedOf(attempt)).toMatchObject({ version: 1, job: { step: attempt.job.step } });
  });
});

describe('the video of a workspace', () => {
  const videos: Record<Situation, string> = {
    plain: 'mine failed TASK_FAILED yes',
    cancelled: 'mine failed CANCELLED yes',
    'a take was chosen': 'chosen completed',
    superseded: 'newer generating queued',
    'cancelled, superseded': 'newer generating queued',
  };
  test.each(Object.entries(videos) as [Situation, string][])(
    'the video of a workspace after a failure (%s): %s',
    async (situation, video) => {
      const attempt = await newAttempt({ state: 'polling', ...situations[situation] });
      await storeStep(attempt, { video: failed, job: null });
      expect(await resultOf(attempt)).toEqual({ job: 'ended', video, takes: [] });
    },
  );

  test.each(Object.keys(videos) as Situation[])(
    'the video of a workspace after progress (%s) is that of its owner only',
    async (situation) => {
      const attempt = await newAttempt({ state: 'polling', ...situations[situation] });
      const before = await storedOf(attempt);
      await storeStep(attempt, runs);
      const { video, version } = await storedOf(attempt);
      if (situation === 'plain') expect(video).toMatchObject({ phase: 'running', progress: 0.5 });
      else expect({ video, version }).toEqual({ video: before.video, version: before.version });
    },
  );

  test('the video of a workspace that was cancelled and costs nothing goes on saying so', async () => {
    const attempt = await newAttempt({ state: 'polling', provider: 'local', isCancelled: true });
    const before = await storedOf(attempt);
    await storeStep(attempt, { video: failed, job: null });
    expect((await storedOf(attempt)).video).toEqual(before.video);
  });

  const takes = [finishedVideo('take')];
  const since: [string, (attempt: Attempted) => Promise<unknown>, Given, string, string[]][] = [
    ['a take was chosen', chooseFirstTake, { state: 'in_doubt' }, 'take completed', []],
    [
      'a newer click came',
      ({ workspaceId }) => clickAnew(workspaceId),
      { state: 'in_doubt' },
      'newer generating queued',
      ['take'],
    ],
    [
      'it was cancelled',
      ({ workspaceId }) => cancelVideo(workspaceId),
      { state: 'polling' },
      'mine failed CANCELLED yes',
      ['take'],
    ],
  ];
  test.each(since)(
    'the video of a workspace is not overwritten where %s since the attempt was read',
    async (_, act, given, video, left) => {
      const attempt = await newAttempt({ ...given, workspace: { takes } });
      await act(attempt);
      await storeStep(attempt, { video: failed, job: null });
      expect(await resultOf(attempt)).toEqual({ job: 'ended', video, takes: left });
    },
  );

  test.each(since)(
    'the video of a workspace is followed by a take where %s before the clip came',
    async (_, act, given, video, left) => {
      const attempt = await newAttempt({ ...given, workspace: { takes } });
      await act(attempt);
      const told = listen(attempt);
      await storeStep(attempt, { video: completed, job: null });
      const place = video === 'take completed' ? 0 : 1;
      expect(await resultOf(attempt)).toEqual({ job: 'ended', video, takes: left.toSpliced(place, 0, 'mine') });
      expect(told).toEqual([`${video}, and the takes`]);
    },
  );
});

test('a clip that comes while another video is completed goes before the takes', async () => {
  const workspace = { takes: [finishedVideo('take')] };
  const attempt = await newAttempt({ state: 'downloading', isSuperseded: true, workspace });
  afterRead(() => Workspace.updateOne({ _id: attempt.workspaceId }, { 'video.status': 'completed' }));
  await storeStep(attempt, { video: completed, job: null });
  expect((await resultOf(attempt)).takes).toEqual(['mine', 'take']);
});

describe('an attempt that is not ours any more', () => {
  const elsewhere = ({ workspaceId, job }: Attempted) =>
    Promise.all([
      Workspace.updateOne({ _id: workspaceId, 'job.attempt_id': job.attempt_id }, { 'job.lease.epoch': 2 }),
      Workspace.updateOne(
        { _id: workspaceId, 'superseded.attempt_id': job.attempt_id },
        { 'superseded.0.lease.epoch': 2 },
      ),
    ]);
  const ended = ({ workspaceId }: Attempted) =>
    Workspace.updateOne({ _id: workspaceId }, { job: null, superseded: [] });

  test.each([
    ['is followed by another process', {}, elsewhere],
    ['is superseded and followed by another process', { isSuperseded: true }, elsewhere],
    ['has ended', {}, ended],
    ['was superseded and has ended', { isSuperseded: true }, ended],
  ] as [string, Given, (attempt: Attempted) => Promise<unknown>][])(
    'nothing is stored of an attempt that is not ours any more: %s',
    async (_, given, act) => {
      const attempt = await newAttempt({ state: 'polling', ...given });
      await act(attempt);
      const before = await storedOf(attempt);
      for (const change of [runs, { video: failed, job: null }, { video: completed, job: null }, { job: null }])
        await expect(storeStep(attempt, change)).rejects.toThrow(LeaseLost);
      expect(await storedOf(attempt)).toEqual(before);
    },
  );

  test('an attempt is gone with its workspace', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    await Workspace.deleteOne({ _id: attempt.workspaceId });
    await expect(storeStep(attempt, runs)).rejects.toThrow(LeaseLost);
  });
});

describe('a step whose answer is lost', () => {
  const any = () => true;
  const inDoubt = {
    video: { ...failed, error: { ...failed.error, code: 'SUBMIT_UNKNOWN' } },
    job: { state: 'in_doubt' },
  } as const;

  test.each([
    ['progress', {}, runs, 'polling', 'mine generating running', []],
    ['an end', {}, { video: failed, job: null }, 'ended', 'mine failed TASK_FAILED yes', []],
    ['an end', { isSuperseded: true }, { job: null }, 'ended', 'newer generating queued', []],
    ['a finished clip', {}, { video: completed, job: null }, 'ended', 'mine completed', []],
    ['a take', { isCancelled: true }, { video: completed, job: null }, 'ended', 'mine failed CANCELLED yes', ['mine']],
    ['a take', { isSuperseded: true }, { video: completed, job: null }, 'ended', 'newer generating queued', ['mine']],
  ] as [string, Given, Parameters<typeof storeStep>[1], string, string, string[]][])(
    'a step whose answer is lost is stored once: %s (%j)',
    async (_, given, change, job, video, takes) => {
      const attempt = await newAttempt({ state: 'polling', ...given });
      loseAnswers(1, any);
      await storeStep(attempt, change);
      expect(await resultOf(attempt)).toEqual({ job, video, takes });
      expect((await storedOf(attempt)).version).toBe('video' in change ? 2 : 1);
    },
  );

  test('a step whose answer is lost does not land on the take that was chosen meanwhile', async () => {
    const attempt = await newAttempt({ state: 'submitting', workspace: { takes: [finishedVideo('take')] } });
    loseAnswers(
      1,
      (set) => set['job.state'] === 'in_doubt',
      () => chooseFirstTake(attempt),
    );
    await storeStep(attempt, inDoubt);
    expect(await resultOf(attempt)).toEqual({ job: 'in_doubt', video: 'take completed', takes: [] });
  });

  test('a step whose answer is lost is done where the attempt was brought forward from it meanwhile', async () => {
    const attempt = await newAttempt({ state: 'submitting' });
    const { attempt_id } = attempt.job;
    loseAnswers(
      1,
      (set) => set['job.state'] === 'in_doubt',
      () => storeTaskId({ workspace_id: attempt.workspaceId, attempt_id, task_id: 'task-new' }),
    );
    await expect(storeStep(attempt, inDoubt)).rejects.toThrow(LeaseLost);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling', video: 'mine generating queued' });
  });

  test.each([
    ['progress', runs, 'mine generating running'],
    ['an end', { video: completed, job: null }, 'mine completed'],
  ] as [string, Parameters<typeof storeStep>[1], string][])(
    'a step whose answer is lost is told all the same: %s',
    async (_, change, video) => {
      const attempt = await newAttempt({ state: 'polling' });
      const told = listen(attempt);
      loseAnswers(1, any);
      await storeStep(attempt, change);
      expect(told).toEqual([video]);
    },
  );
});

describe('a database that refuses a step', () => {
  test.each([
    ['is away', new mongo.MongoNetworkError('closed')],
    ['is over its quota', new mongo.MongoServerError({ code: 8000, message: 'over your space quota' })],
    ['forbids it for a moment', new mongo.MongoServerError({ code: 13, message: 'not authorized' })],
  ])('a database that refuses a step and %s is asked again, and the step is stored once', async (_, error) => {
    const attempt = await newAttempt({ state: 'polling' });
    refuseWrites(1, error);
    const told = listen(attempt);
    await storeStep(attempt, { video: failed, job: null });
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed TASK_FAILED yes' });
    expect(told).toEqual(['mine failed TASK_FAILED yes']);
  });
});

describe('an attempt that is about to be sent', () => {
  test.each([
    ['by its user', {}, true],
    ['no more after it was cancelled', { isCancelled: true }, false],
    ['no more in the trash', { workspace: { deleted_at: new Date() } }, false],
    ['no more once it is superseded', { isSuperseded: true }, false],
  ] as [string, Given, boolean][])('an attempt that is about to be sent is wanted %s', async (_, given, expected) => {
    expect(await isWanted(await newAttempt({ state: 'submitting', ...given }))).toBe(expected);
  });

  test.each([
    ['of a cancelled one', { isCancelled: true }, true],
    ['of a superseded one', { isSuperseded: true }, true],
    ['of none in the trash', { workspace: { deleted_at: new Date() } }, false],
  ] as [string, Given, boolean][])('an attempt is wanted to learn the fate %s: %s', async (_, given, expected) => {
    const attempt = await newAttempt({ state: 'submitting', ...given });
    expect(await isWanted(attempt, { isProbe: true })).toBe(expected);
  });

  test('an attempt is wanted here no more once another process has it', async () => {
    const attempt = await newAttempt({ state: 'submitting' });
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease.epoch': 2 });
    expect(await isWanted(attempt)).toBe(false);
  });
});

describe('an accepted task', () => {
  const taskOf = ({ workspaceId, job }: Attempted) => ({
    workspace_id: workspaceId,
    attempt_id: job.attempt_id,
    task_id: 'task-new',
  });

  test.each([
    ['whose answer is out', { state: 'submitting' }, 'polling', 'mine generating queued'],
    ['that was cancelled', { state: 'submitting', isCancelled: true }, 'polling', 'mine failed CANCELLED maybe'],
    [
      'that was superseded',
      { state: 'submitting', isSuperseded: true },
      'superseded polling',
      'newer generating queued',
    ],
    ['in doubt is alive again', { state: 'in_doubt' }, 'polling', 'mine generating queued'],
    ['in doubt, and a take was chosen', { state: 'in_doubt', isTakeChosen: true }, 'polling', 'chosen completed'],
    [
      'in doubt and superseded',
      { state: 'in_doubt', isSuperseded: true },
      'superseded polling',
      'newer generating queued',
    ],
    ['in doubt and cancelled', { state: 'in_doubt', isCancelled: true }, 'polling', 'mine failed CANCELLED maybe'],
    ['that was put back into the queue', { state: 'queued' }, 'polling', 'mine generating queued'],
  ] as [string, Given, string, string][])('an accepted task of an attempt %s', async (_, given, job, video) => {
    const attempt = await newAttempt(given);
    const told = listen(attempt);
    const stored = await storeTaskId(taskOf(attempt));
    expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
    expect(await jobOf(attempt)).toMatchObject({ task_id: 'task-new', lease: { owner: processId, epoch: 2 } });
    expect(stored).toMatchObject({ workspaceId: attempt.workspaceId, job: { task_id: 'task-new', state: 'polling' } });
    expect(told).toEqual([video]);
    const isShown = video.startsWith('mine');
    if (isShown) expect((await storedOf(attempt)).video.task_id).toBe('task-new');
  });

  test('an accepted task is stored whoever holds the lease', async () => {
    const lease = { owner: 'elsewhere:1:a', until: new Date(Date.now() + 60_000), epoch: 7 };
    const attempt = await newAttempt({ state: 'submitting', job: { lease } });
    expect(await storeTaskId(taskOf(attempt))).toMatchObject({ job: { lease: { owner: processId, epoch: 8 } } });
  });

  test('an accepted task that is known and ours is given as it is now', async () => {
    const attempt = await newAttempt({ state: 'downloading' });
    expect(await storeTaskId(taskOf(attempt))).toMatchObject({ job: attempt.job });
    expect(await resultOf(attempt)).toMatchObject({ job: 'downloading' });
  });

  test('an accepted task that is known and followed elsewhere is taken', async () => {
    const lease = { owner: 'elsewhere:1:a', until: new Date(), epoch: 7 };
    expect(await storeTaskId(taskOf(await newAttempt({ state: 'polling', job: { lease } })))).toBe('taken');
  });

  const ended = newJob({}, 'ended');
  const itsVideo: Video = { ...finishedVideo('ended'), attempt_id: ended.attempt_id };
  test.each([
    ['the video', { video: itsVideo }],
    ['a take', { takes: [finishedVideo('other'), itsVideo] }],
    ['a click', { clicks: [{ request_id: 'click-1', attempt_id: ended.attempt_id }] }],
  ])('an accepted task of an attempt that has ended, as %s tells, is taken', async (_, fields) => {
    const { _id } = await newWorkspace(fields);
    expect(await storeTaskId(taskOf({ workspaceId: String(_id), job: ended }))).toBe('taken');
  });

  test('an accepted task of an attempt that the database does not know is unknown', async () => {
    const { _id } = await newWorkspace();
    expect(await storeTaskId(taskOf({ workspaceId: String(_id), job: ended }))).toBe('unknown');
    const nowhere = String(new mongoose.Types.ObjectId());
    expect(await storeTaskId(taskOf({ workspaceId: nowhere, job: ended }))).toBe('unknown');
  });

  test('an accepted task whose answer is lost is stored once', async () => {
    const attempt = await newAttempt({ state: 'submitting' });
    loseAnswers(1, (set) => set['job.state'] === 'polling');
    expect(await storeTaskId(taskOf(attempt))).toMatchObject({ job: { state: 'polling', lease: { epoch: 2 } } });
    expect((await storedOf(attempt)).version).toBe(2);
  });

  test('an accepted task whose answer is lost is told all the same', async () => {
    const attempt = await newAttempt({ state: 'submitting' });
    const told = listen(attempt);
    loseAnswers(1, (set) => set['job.state'] === 'polling');
    await storeTaskId(taskOf(attempt));
    expect(told).toEqual(['mine generating queued']);
  });
});

test('an attempt is found wherever it lies', async () => {
  const attempt: ActiveAttempt = await newAttempt({ state: 'polling', isSuperseded: true });
  const stored = await storedOf(attempt);
  const { workspaceId, video } = attempt;
  expect(attemptIn(stored, attempt.job.attempt_id)).toEqual({
    workspaceId,
    job: attempt.job,
    video,
    isSuperseded: true,
  });
  expect(attemptIn(stored, stored.job!.attempt_id)).toMatchObject({ job: stored.job, isSuperseded: false });
  expect(attemptIn(stored, 'another')).toBeNull();
});

test('a broadcast carries the takes where they changed', async () => {
  const attempt = await newAttempt({ state: 'polling', workspace: { takes: [finishedVideo('take')] } });
  const told = listen(attempt);
  broadcast(await storedOf(attempt), true);
  broadcast(await storedOf(attempt));
  expect(told).toEqual(['mine generating queued, and the takes', 'mine generating queued']);
});

test('fields are written below a prefix', () => {
  expect(dotted('job', { state: 'polling', task_id: null })).toEqual({ 'job.state': 'polling', 'job.task_id': null });
  expect(dotted('job')).toEqual({});
});

test('after a stop a write fails, instead of waiting for a database that is away', async () => {
  const attempt = await newAttempt({ state: 'polling' });
  stopPersisting();
  refuseWrites(1, new mongo.MongoNetworkError('closed'));
  await expect(storeStep(attempt, runs)).rejects.toThrow('closed');
});
