import { requestIdsKept } from '../../src/contract/ids';
import { takesKept } from '../../src/contract/limits';
import type { Video } from '../../src/contract/video';
import { DroppedClip } from '../../src/db/dropped-clips';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import type { Attempt } from '../../src/generation/attempt';
import { storeCancellation, storeChoice, storeClaim } from '../../src/generation/clicks';
import { storeStep } from '../../src/generation/store';
import {
  finishedVideo,
  idOf,
  inWords,
  jobOf,
  listen,
  newAttempt,
  newJob,
  newWorkspace,
  resultOf,
  storedOf,
  takeUp,
  videoOf,
  type Given,
} from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

const choice = (index: number, key?: string) => ({ index, form: null, key });

useDatabase();

const unaccepted = { acceptSecondCharge: false };
const accepted = { acceptSecondCharge: true };

const failed = (name = 'failed'): Video => ({ ...videoOf(newJob({ state: 'timed_out' }, name)), task_id: null });

/** A click on a workspace, as the request would claim it. */
function clickOn({ _id }: StoredWorkspace, given: Given = {}): Attempt {
  const job = newJob(given, 'new');
  return { workspaceId: String(_id), job, video: videoOf(job), isSuperseded: false };
}

const claim = async (read: StoredWorkspace, click = clickOn(read), more: object = {}) =>
  storeClaim(read, click, { ...unaccepted, ...more });

const reread = async ({ _id }: StoredWorkspace) => (await Workspace.findById(_id).lean<StoredWorkspace>())!;
const inShort = ({ video, takes, job, superseded }: StoredWorkspace) => ({
  video: inWords(video),
  takes: takes.map(inWords),
  job: job?.state ?? null,
  superseded: superseded.map(({ state }) => state),
});

describe('a claim', () => {
  test('a claim starts the video anew and is told once', async () => {
    const read = await newWorkspace();
    const told = listen({ workspaceId: String(read._id), job: newJob() });
    const stored = await claim(read);
    expect(stored).toMatchObject({ workspaceId: String(read._id), isSuperseded: false, job: { state: 'queued' } });
    expect(inShort(await reread(read))).toEqual({
      video: 'new generating queued',
      takes: [],
      job: 'queued',
      superseded: [],
    });
    expect(told).toEqual(['new generating queued']);
  });

  test('of two claims that read the same, one wins', async () => {
    const read = await newWorkspace();
    const both = await Promise.all([claim(read), claim(read)]);
    expect(both.filter((stored) => stored !== null)).toHaveLength(1);
    const { job, superseded, version } = await reread(read);
    expect(both.find((stored) => stored !== null)!.job.attempt_id).toBe(job!.attempt_id);
    expect({ superseded, version }).toEqual({ superseded: [], version: 2 });
  });

  test.each([
    ['a finished video becomes the first take', finishedVideo('good'), ['good completed', 'older completed'], true],
    ['a failed video does not', failed(), ['older completed'], false],
  ] as const)('in a claim, %s', async (_, video, takes, isTold) => {
    const read = await newWorkspace({ video, takes: [finishedVideo('older')] });
    const told = listen({ workspaceId: String(read._id), job: newJob() });
    await claim(read);
    expect(inShort(await reread(read)).takes).toEqual(takes);
    expect(told).toEqual([`new generating queued${isTold ? ', and the takes' : ''}`]);
  });

  test('a claim keeps 20 takes, and records the one that it drops', async () => {
    const takes = Array.from({ length: takesKept }, (_, index) => finishedVideo(`take${index}`));
    const read = await newWorkspace({ video: finishedVideo('good'), takes });
    await claim(read);
    const stored = await reread(read);
    expect(stored.takes.map(({ attempt_id }) => attempt_id)).toEqual([
      read.video.attempt_id,
      ...takes.slice(0, -1).map(({ attempt_id }) => attempt_id),
    ]);
    expect(await DroppedClip.exists({ _id: takes.at(-1)!.attempt_id! })).not.toBeNull();
    expect(await DroppedClip.countDocuments()).toBe(1);
  });

  test('a claim supersedes the job before it, after those that are superseded already', async () => {
    const attempt = await newAttempt({ state: 'in_doubt', isSuperseded: true });
    const read = await storedOf(attempt);
    await claim(read);
    expect((await reread(read)).superseded).toEqual([attempt.job, read.job]);
  });

  const changes: [string, (read: StoredWorkspace) => Promise<unknown>][] = [
    ['the video is another attempt’s', ({ _id }) => Workspace.updateOne({ _id }, { 'video.attempt_id': 'other' })],
    ['the video has failed', ({ _id }) => Workspace.updateOne({ _id }, { 'video.status': 'idle' })],
    ['a take has come', ({ _id }) => Workspace.updateOne({ _id }, { $push: { takes: finishedVideo('late') } })],
    ['another take is the first', ({ _id }) => Workspace.updateOne({ _id }, { 'takes.0.attempt_id': 'other' })],
    ['the job has made a step', ({ _id }) => Workspace.updateOne({ _id }, { 'job.step': 'other' })],
    ['the job is another process’s', ({ _id }) => Workspace.updateOne({ _id }, { 'job.lease.epoch': 9 })],
    ['the job has ended', ({ _id }) => Workspace.updateOne({ _id }, { job: null })],
    ['a superseded one has made a step', ({ _id }) => Workspace.updateOne({ _id }, { 'superseded.0.step': 'other' })],
    [
      'a superseded one is another process’s',
      ({ _id }) => Workspace.updateOne({ _id }, { 'superseded.0.lease.epoch': 9 }),
    ],
    ['a superseded one has ended', ({ _id }) => Workspace.updateOne({ _id }, { superseded: [] })],
    ['it is in the trash', ({ _id }) => Workspace.updateOne({ _id }, { deleted_at: new Date() })],
  ];
  test.each(changes)('a claim stores nothing where %s since it was read', async (_, change) => {
    const workspace = { takes: [finishedVideo('take')], video: failed() };
    const read = await storedOf(await newAttempt({ state: 'timed_out', isSuperseded: true, workspace }));
    await change(read);
    const before = await reread(read);
    expect(await claim(read)).toBeNull();
    expect(await storeChoice(read, choice(0))).toBeNull();
    expect(await reread(read)).toEqual(before);
  });

  test('a claim does not mind an edit of the form since it was read', async () => {
    const read = await newWorkspace();
    await Workspace.updateOne({ _id: read._id }, { 'form_data.prompt': 'Other words.', version: 5 });
    expect(await claim(read)).not.toBeNull();
    expect(await reread(read)).toMatchObject({ version: 6, form_data: { prompt: 'Other words.' } });
  });
});

describe('a claim of an attempt that is made already', () => {
  const again = ({ workspaceId, job }: Attempt): Attempt => {
    const fetched = { ...job, state: 'downloading' as const, step: idOf('step'), lease: { ...job.lease, epoch: 2 } };
    return { workspaceId, job: fetched, video: videoOf(fetched), isSuperseded: false };
  };

  test('a claim of an attempt that is made already brings it back from the superseded, in whose place the other job goes', async () => {
    const made = await newAttempt({ state: 'download_failed', isSuperseded: true });
    const read = await storedOf(made);
    const stored = await claim(read, again(made));
    expect(stored!.job).toMatchObject({ attempt_id: made.job.attempt_id, state: 'downloading' });
    const { superseded } = await reread(read);
    expect(superseded).toEqual([read.job]);
    expect(await resultOf(made)).toEqual({ job: 'downloading', video: 'mine generating downloading', takes: [] });
  });

  test('a claim of an attempt that is made already leaves it in its place, and supersedes nothing', async () => {
    const made = await newAttempt({ state: 'download_failed' });
    await claim(await storedOf(made), again(made));
    expect((await storedOf(made)).superseded).toEqual([]);
    expect(await resultOf(made)).toMatchObject({ job: 'downloading' });
  });

  test('a claim of an attempt that is made already accepts no second charge, whatever the click says', async () => {
    const doubtful = newJob({ state: 'in_doubt' }, 'doubtful');
    const made = await newAttempt({ state: 'download_failed', workspace: { superseded: [doubtful] } });
    await claim(await storedOf(made), again(made), accepted);
    expect((await storedOf(made)).superseded).toMatchObject([{ risk_accepted: false }]);
  });
});

describe('a second charge', () => {
  test.each([
    ['is accepted for every attempt before', accepted, true],
    ['is not accepted by a click that does not say so', unaccepted, false],
  ])('a second charge %s', async (_, more, expected) => {
    const attempt = await newAttempt({ state: 'in_doubt', isSuperseded: true });
    const read = await storedOf(attempt);
    await claim(read, clickOn(read), more);
    expect((await reread(read)).superseded.map(({ risk_accepted }) => risk_accepted)).toEqual([expected, expected]);
    expect((await reread(read)).job!.risk_accepted).toBe(false);
  });

  test('a second charge that was accepted stays accepted', async () => {
    const attempt = await newAttempt({ state: 'in_doubt', job: { risk_accepted: true } });
    await claim(await storedOf(attempt));
    expect(await jobOf(attempt)).toMatchObject({ risk_accepted: true });
  });
});

describe('the clicks of a workspace', () => {
  const clickOf = ({ attempt_id }: Video) => ({ request_id: idOf('click'), attempt_id: attempt_id! });

  test('the clicks of a workspace name the attempt of each, and what became of it once its video gives way', async () => {
    const [bad, good] = [failed(), finishedVideo('good')];
    const clicks = [clickOf(good), clickOf(bad)];
    const read = await newWorkspace({ video: bad, takes: [good], clicks });
    const click = clickOn(read);
    await claim(read, click, { requestId: 'click-new' });
    const stored = (await reread(read)).clicks;
    expect(stored).toMatchObject([
      { ...clicks[0], outcome: null },
      { ...clicks[1], outcome: { status: 'failed', error: { code: 'TIMEOUT' }, form_data: null } },
      { request_id: 'click-new', attempt_id: click.job.attempt_id, outcome: null },
    ]);
  });

  test('the clicks of a workspace keep an outcome for good', async () => {
    const bad = failed();
    const read = await newWorkspace({ video: bad, clicks: [clickOf(bad)] });
    await claim(read);
    await storeStep(await takeUp(String(read._id), (await reread(read)).job!.attempt_id), {
      video: { status: 'completed' },
      job: null,
    });
    await claim(await reread(read));
    expect((await reread(read)).clicks).toMatchObject([{ outcome: { error: { code: 'TIMEOUT' } } }]);
  });

  test('the clicks of a workspace keep the outcome of a take that is dropped', async () => {
    const takes = Array.from({ length: takesKept }, (_, index) => finishedVideo(`take${index}`));
    const read = await newWorkspace({ video: finishedVideo('good'), takes, clicks: [clickOf(takes.at(-1)!)] });
    await claim(read);
    expect((await reread(read)).clicks).toMatchObject([{ outcome: { status: 'completed' } }]);
  });

  test('the clicks of a workspace keep the outcome of a failed video that a take replaces', async () => {
    const bad = failed();
    const read = await newWorkspace({ video: bad, takes: [finishedVideo('take')], clicks: [clickOf(bad)] });
    await storeChoice(read, choice(0));
    expect((await reread(read)).clicks).toMatchObject([{ outcome: { error: { code: 'TIMEOUT' } } }]);
  });

  test('the clicks of a workspace are the last 64', async () => {
    const clicks = Array.from({ length: requestIdsKept }, (_, index) => ({
      request_id: `click-${index}`,
      attempt_id: `attempt-${index}`,
    }));
    const read = await newWorkspace({ clicks });
    await claim(read, clickOn(read), { requestId: 'click-new' });
    const ids = (await reread(read)).clicks.map(({ request_id }) => request_id);
    expect(ids).toEqual([...clicks.slice(1).map(({ request_id }) => request_id), 'click-new']);
  });
});

describe('a chosen take', () => {
  const [first, second] = [finishedVideo('first'), finishedVideo('second')];

  test.each([
    ['a finished video, which takes its place', finishedVideo('good'), ['first completed', 'good completed']],
    ['a failed video, which goes', failed(), ['first completed']],
  ] as const)('a chosen take replaces %s', async (_, video, takes) => {
    const read = await newWorkspace({ video, takes: [first, second] });
    const stored = await storeChoice(read, choice(1));
    expect(inShort(stored!)).toEqual({ video: 'second completed', takes, job: null, superseded: [] });
    expect(stored!.version).toBe(2);
  });

  test.each(['timed_out', 'download_failed', 'in_doubt'] as const)(
    'a chosen take leaves a job that is %s',
    async (state) => {
      const attempt = await newAttempt({ state, workspace: { takes: [first] } });
      await storeChoice(await storedOf(attempt), choice(0));
      expect(await resultOf(attempt)).toEqual({ job: state, video: 'first completed', takes: [] });
      expect(await jobOf(attempt)).toEqual(attempt.job);
    },
  );

  test('a chosen take is chosen once for each message', async () => {
    const read = await newWorkspace({ video: finishedVideo('good'), takes: [first] });
    await storeChoice(read, choice(0, 'workspace.choose_take r1'));
    const stored = await reread(read);
    expect(await storeChoice(stored, choice(0, 'workspace.choose_take r1'))).toBeNull();
    expect(await reread(read)).toEqual(stored);
  });
});

describe('a cancellation', () => {
  const error = { code: 'CANCELLED', message: 'Cancelled.', charged: 'maybe' } as const;
  const video = { status: 'failed', phase: null, error } as const;

  test.each([
    ['queued', 'ended'],
    ['submitting', 'submitting'],
    ['polling', 'polling'],
    ['downloading', 'downloading'],
  ] as const)('a cancellation of one that is %s: %s', async (state, job) => {
    const attempt = await newAttempt({ state });
    const told = listen(attempt);
    const stored = await storeCancellation(await storedOf(attempt), video);
    expect(await resultOf(attempt)).toEqual({ job, video: 'mine failed CANCELLED maybe', takes: [] });
    expect(stored).toMatchObject({ job: { attempt_id: attempt.job.attempt_id }, video });
    expect(told).toEqual(['mine failed CANCELLED maybe']);
    if (job === 'ended') return;
    const { cancelled_at, step } = (await jobOf(attempt))!;
    expect(cancelled_at).toBeInstanceOf(Date);
    expect(step).not.toBe(attempt.job.step);
  });

  test.each([
    ['the attempt has made a step', { 'job.step': 'other' }],
    ['the attempt has ended', { job: null }],
    ['the video is no longer generated', { 'video.status': 'failed' }],
    ['the video is another attempt’s', { 'video.attempt_id': 'other' }],
  ])('a cancellation stores nothing where %s since it was read', async (_, change) => {
    const attempt = await newAttempt({ state: 'queued' });
    const read = await storedOf(attempt);
    await Workspace.updateOne({ _id: attempt.workspaceId }, change);
    const before = await storedOf(attempt);
    expect(await storeCancellation(read, video)).toBeNull();
    expect(await storedOf(attempt)).toEqual(before);
  });
});
