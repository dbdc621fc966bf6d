import mongoose from 'mongoose';
import { emptyForm, idleVideo } from '../../src/contract/defaults';
import type { Job, JobState } from '../../src/db/job';
import { migrate } from '../../src/db/migrate';
import { findWorkspace } from '../../src/db/find-workspaces';
import { Film } from '../../src/db/film';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { Installation } from '../../src/db/installation';
import { storeStep } from '../../src/generation/store';
import { takeUp } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';
import { film_id, wholeClip } from '../fixtures/workspaces';

useDatabase();
afterEach(() => Promise.all([Workspace.deleteMany({}), Installation.deleteMany({}), Film.deleteMany({})]));

const at = new Date('2026-08-01T12:00:00Z');

/** A job as version 1.0.0 stored it. */
const oldJob = (state: string, attemptId = 'attempt-1') => ({
  attempt_id: attemptId,
  provider: 'runway',
  model: 'gen4.5',
  form_data: { ...emptyForm, prompt: 'A lamp turns.' },
  image_path: 'uploads/images/picture.png',
  state,
  task_id: 'task-1',
  prepared: null,
  sends: 2,
  intent_at: at,
  sent_at: at,
  accepted_at: at,
  lease: { owner: 'elsewhere:1:a', until: at, epoch: 3 },
});

/** The same as it is stored now. */
function nowJob(state: JobState, attemptId?: string): Job {
  const { sends, ...rest } = oldJob(state, attemptId);
  const added = {
    cancelled_at: null,
    risk_accepted: false,
    resolution: null,
    audio: false,
    cost: null,
    end_image_path: null,
    from_attempt_id: null,
    from_s: null,
  };
  return { ...rest, ...added, state, submit_attempts: sends, step: 'migrated' };
}

async function storeOld(fields: object): Promise<string> {
  const { _id } = await Workspace.create({ film_id, order_index: 0, video: { ...idleVideo, attempt_id: 'attempt-1' } });
  // By the driver: the old fields are not in the schema.
  await Workspace.collection.updateOne({ _id }, { $set: fields, $unset: { superseded: 1 } });
  return String(_id);
}

const raw = (id: string) => Workspace.collection.findOne({ _id: new mongoose.Types.ObjectId(id) });

const renamed = [
  ['waiting', 'queued'],
  ['sent', 'submitting'],
  ['following', 'polling'],
  ['fetching', 'downloading'],
  ['overdue', 'timed_out'],
  ['undelivered', 'download_failed'],
  ['unclear', 'in_doubt'],
] as const;

test.each(renamed)('a job that was %s is %s, in its place and among the late ones', async (before, now) => {
  const id = await storeOld({
    job: oldJob(before),
    late: [oldJob(before, 'attempt-0'), oldJob('overdue', 'attempt-2')],
  });
  await migrate();
  const stored = await raw(id);
  expect(stored!.job).toEqual(nowJob(now));
  const isAccepted = now === 'in_doubt';
  const late = { ...nowJob(now, 'attempt-0'), risk_accepted: isAccepted };
  expect(stored!.superseded).toEqual([late, nowJob('timed_out', 'attempt-2')]);
  expect(stored).not.toHaveProperty('late');
});

test.each([
  ['no job', { job: null, late: [] }, { job: null, superseded: [] }],
  ['late ones only', { job: null, late: [oldJob('overdue')] }, { job: null, superseded: [nowJob('timed_out')] }],
  ['a job and no list', { job: oldJob('unclear') }, { job: nowJob('in_doubt'), superseded: [] }],
])('a workspace with %s', async (_, before, now) => {
  const id = await storeOld(before);
  await migrate();
  const { job, superseded } = (await raw(id))!;
  expect({ job, superseded }).toEqual(now);
});

test('nothing else is changed, and a second time changes nothing', async () => {
  const id = await storeOld({
    job: oldJob('following'),
    late: [oldJob('overdue', 'attempt-0')],
    version: 7,
    takes: [],
  });
  const { job, late, ...before } = (await raw(id))!;
  await migrate();
  const stored = await raw(id);
  expect(stored).toMatchObject(before);
  await migrate();
  expect(await raw(id)).toEqual(stored);
});

test('a workspace of the present shape stays as it is', async () => {
  const job = nowJob('polling');
  const made = await Workspace.create({ film_id, order_index: 0, job, superseded: [nowJob('in_doubt', 'attempt-0')] });
  const before = await raw(String(made._id));
  await migrate();
  expect(await raw(String(made._id))).toEqual(before);
});

test('what was left half done is brought to its end', async () => {
  const ids = [await storeOld({ job: oldJob('sent'), late: [] }), await storeOld({ job: oldJob('waiting'), late: [] })];
  await migrate();
  const old = await storeOld({ job: oldJob('fetching'), late: [] });
  await migrate();
  const states = await Promise.all([...ids, old].map(async (id) => (await raw(id))!.job.state));
  expect(states).toEqual(['submitting', 'queued', 'downloading']);
});

test('a migrated attempt is brought forward as any other', async () => {
  const id = await storeOld({ job: oldJob('following'), late: [oldJob('overdue', 'attempt-0')] });
  await migrate();
  const late = await takeUp(id, 'attempt-0');
  await storeStep(late, { job: null });
  const attempt = await takeUp(id, 'attempt-1');
  await storeStep(attempt, { video: { phase: 'downloading' }, job: { state: 'downloading' } });
  const stored: StoredWorkspace = await findWorkspace(id);
  expect(stored).toMatchObject({ job: { state: 'downloading' }, superseded: [], video: { phase: 'downloading' } });
});

test('workspaces of before join the default film, with their order, trash and times, a whole cut and unknown facts', async () => {
  const { width, height, file_duration_s, fps, has_audio, size, ...oldVideo } = idleVideo;
  const old = (order_index: number, more: object = {}) => ({
    order_index,
    form_data: emptyForm,
    video: oldVideo,
    takes: [{ ...oldVideo, status: 'completed', attempt_id: `take-${order_index}` }],
    clicks: [
      { request_id: 'a', attempt_id: 'b', outcome: null },
      { request_id: 'c', attempt_id: 'd', outcome: oldVideo },
    ],
    version: 7,
    updated_at: at,
    deleted_at: null,
    ...more,
  });
  const { collection } = Workspace;
  await collection.insertMany([old(0), old(1, { deleted_at: at }), old(2)] as never[]);
  await migrate();
  await migrate();
  const [film] = await Film.find().lean();
  const stored = await Workspace.find().sort({ order_index: 1 }).lean<StoredWorkspace[]>();
  expect(stored.map(({ deleted_at: deleted }) => deleted)).toEqual([null, at, null]);
  for (const [index, one] of stored.entries())
    expect(one).toMatchObject({
      film_id: film!._id,
      order_index: index,
      version: 7,
      updated_at: at,
      cut: wholeClip,
      video: idleVideo,
      takes: [{ attempt_id: `take-${index}`, size: null, file_duration_s: null }],
      clicks: [{ outcome: null }, { outcome: idleVideo }],
    });
  expect(await Film.countDocuments()).toBe(1);
});

test('a film that a kill left without its document is made again, and shots follow their film', async () => {
  const lost = await Workspace.create({ film_id, order_index: 0 });
  const gone = await Film.create({ deleted_at: at });
  const behind = await Workspace.create({ film_id: gone._id, order_index: 0 });
  await migrate();
  expect(await Film.findById(lost.film_id).lean()).toMatchObject({ title: '', deleted_at: null });
  expect(await Workspace.findById(behind._id).lean()).toMatchObject({ deleted_with_film: true, deleted_at: at });
});

test('reorders are known by their key, those of before too', async () => {
  const timelines = mongoose.connection.collection<{ _id: string; [key: string]: unknown }>('timelines');
  await timelines.insertOne({ _id: 'timeline', applied: ['one', 'workspace.reorder two'], last_place: 7, sweeps: 3 });
  await migrate();
  await migrate();
  expect(await timelines.findOne({ _id: 'timeline' })).toEqual({ _id: 'timeline', sweeps: 3 });
  expect(await Film.find().lean()).toMatchObject([{ applied: ['workspace.reorder one', 'workspace.reorder two'] }]);
});

test('forms of before have no provider, model, resolution or sound of their own, and videos tell what is not known', async () => {
  const { provider, model, resolution, audio, ...oldForm } = { ...emptyForm, prompt: 'A lamp turns.' };
  const { image_url, end_image_url, from_attempt_id, from_s, style, negative_style, cost, ...oldVideo } = idleVideo;
  const made = { ...oldVideo, attempt_id: 'attempt-1', status: 'completed', form_data: oldForm };
  const clicks = [
    { request_id: 'r1', attempt_id: 'attempt-1' },
    { request_id: 'r0', attempt_id: 'attempt-0', outcome: { ...made, form_data: null } },
  ];
  const id = await storeOld({ form_data: oldForm, video: made, takes: [made], clicks });
  await migrate();
  const added = { provider, model, resolution, audio };
  const origin = { image_url, end_image_url, from_attempt_id, from_s, style, negative_style, cost };
  const video = { ...made, ...origin, form_data: { ...oldForm, ...added } };
  const stored = (await raw(id))!;
  expect(stored).toMatchObject({ form_data: { ...oldForm, ...added }, video, takes: [video] });
  expect(stored.clicks).toEqual([
    { ...clicks[0], outcome: null },
    { ...clicks[1], outcome: { ...made, ...origin, form_data: null } },
  ]);
  await migrate();
  expect(await raw(id)).toEqual(stored);
});

test('forms of before start from their image and end on nothing, and no shot has an end image', async () => {
  const { start, end, ...oldForm } = { ...emptyForm, prompt: 'A lamp turns.' };
  const made = { ...idleVideo, attempt_id: 'attempt-1', status: 'completed', form_data: oldForm };
  const { end_image_path, from_attempt_id, from_s, ...oldRunning } = nowJob('polling');
  const job = { ...oldRunning, form_data: oldForm };
  const clicks = [
    { request_id: 'r1', attempt_id: 'attempt-1', outcome: null },
    { request_id: 'r0', attempt_id: 'attempt-0', outcome: made },
  ];
  const id = await storeOld({ form_data: oldForm, video: made, takes: [made], job, clicks, version: 3 });
  const superseded = [job];
  const unset = { end_image_path: 1, end_image_url: 1 } as const;
  await Workspace.collection.updateOne({ order_index: 0 }, { $set: { superseded }, $unset: unset });
  await migrate();
  const form_data = { ...oldForm, start: 'image', end: 'none' };
  const video = { ...made, form_data };
  const links = { end_image_path: null, from_attempt_id: null, from_s: null };
  const stored = (await raw(id))!;
  expect(stored).toMatchObject({ form_data, video, takes: [video], version: 3 });
  expect(stored).toMatchObject({ end_image_path: null, end_image_url: null });
  expect(stored.job).toEqual({ ...job, ...links, form_data });
  expect(stored.superseded).toEqual([{ ...job, ...links, form_data }]);
  expect(stored.clicks).toEqual([clicks[0], { ...clicks[1], outcome: video }]);
  await migrate();
  expect(await raw(id)).toEqual(stored);
});

test('what a form says of its start and end already stays as it is', async () => {
  const form_data = { ...emptyForm, start: 'previous', end: 'next' } as const;
  const { _id } = await Workspace.create({
    film_id,
    order_index: 0,
    form_data,
    end_image_path: 'uploads/images/end.png',
  });
  const before = await raw(String(_id));
  await migrate();
  expect(await raw(String(_id))).toEqual(before);
});
