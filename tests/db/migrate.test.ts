import mongoose from 'mongoose';
import { emptyForm } from '../../src/contract/form';
import { idleVideo } from '../../src/contract/video';
import type { Job, JobState } from '../../src/db/job';
import { migrate } from '../../src/db/migrate';
import { findWorkspace } from '../../src/db/find-workspaces';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { TimelineState } from '../../src/db/timeline-state';
import { storeStep } from '../../src/generation/store';
import { takeUp } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(() => Promise.all([Workspace.deleteMany({}), TimelineState.deleteMany({})]));

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
  return { ...rest, state, submit_attempts: sends, cancelled_at: null, risk_accepted: false, step: 'migrated' };
}

async function storeOld(fields: object): Promise<string> {
  const { _id } = await Workspace.create({ order_index: 0, video: { ...idleVideo, attempt_id: 'attempt-1' } });
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
  const made = await Workspace.create({ order_index: 0, job, superseded: [nowJob('in_doubt', 'attempt-0')] });
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

test('reorders are known by their key, those of before too', async () => {
  const state = await TimelineState.create({ _id: 'timeline', applied: ['one', 'workspace.reorder two'], sweeps: 3 });
  await migrate();
  await migrate();
  expect(await TimelineState.findById(state._id).lean()).toEqual({
    _id: 'timeline',
    applied: ['workspace.reorder one', 'workspace.reorder two'],
    sweeps: 3,
  });
});
