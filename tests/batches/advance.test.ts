process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { Types } from 'mongoose';
import { dueShots, nextItems, quietMs, requestIdOf, type Scene } from '../../src/batches/advance';
import { idleVideo } from '../../src/contract/defaults';
import type { Limit } from '../../src/contract/money';
import type { BatchItem, StoredBatch } from '../../src/db/batch';
import type { JobState } from '../../src/db/job';
import type { StoredWorkspace } from '../../src/db/workspace';
import { ago, fakeProvider, finishedVideo, newJob, plugIn, videoOf } from '../helpers/attempts';
import { inWords, itemOf, model } from '../helpers/batches';
import { usd } from '../helpers/charges';

beforeAll(() => plugIn('runway', fakeProvider({ models: [model] })));

const { form_data } = newJob();
const linked = { form_data: { ...form_data, start: 'previous' as const } };

/** A shot that was left alone for long enough. */
const shot = (fields: Partial<StoredWorkspace> = {}) =>
  ({
    _id: new Types.ObjectId(),
    form_data,
    video: idleVideo,
    takes: [],
    job: null,
    superseded: [],
    clicks: [],
    deleted_at: null,
    updated_at: ago(10_000).toISOString(),
    ...fields,
  }) as unknown as StoredWorkspace;

const idOf = ({ _id }: StoredWorkspace) => String(_id);
const batchWith = (items: BatchItem[], more: Partial<StoredBatch> = {}) =>
  ({
    _id: new Types.ObjectId(),
    status: 'running',
    created_at: new Date(),
    accept_over_limit: false,
    accept_unknown_price: false,
    items,
    ...more,
  }) as StoredBatch;

/** A film of these shots; those in the trash are known, but stand in it no more. */
const sceneOf = (shots: StoredWorkspace[], more: Partial<Scene> = {}): Scene => ({
  shots: shots.filter(({ deleted_at }) => deleted_at === null),
  byId: new Map(shots.map((one) => [idOf(one), one])),
  openElsewhere: new Set(),
  limits: [],
  ...more,
});

const next = (items: BatchItem[], scene: Scene, more: Partial<StoredBatch> = {}) =>
  nextItems(batchWith(items, more), scene);
const states = (items: BatchItem[]) => inWords({ items });
const due = (items: BatchItem[], scene: Scene) => dueShots({ items }, scene).map(idOf);

const running = (state: JobState = 'polling') => {
  const job = newJob({ state });
  return { job, video: videoOf(job) };
};
const failed = (attempt_id: string, code: 'TASK_FAILED' | 'CANCELLED') =>
  ({ ...idleVideo, attempt_id, status: 'failed', error: { code, message: 'Told.', charged: 'no' } }) as const;

describe('a shot that was started', () => {
  const start = { attempt_id: 'mine', state: 'generating' } as const;
  const job = newJob({ state: 'polling', job: { attempt_id: 'mine' } });
  const done = { ...finishedVideo('x'), attempt_id: 'mine' };
  const others = { ...finishedVideo('x'), attempt_id: 'chosen' };

  test.each<[string, Partial<StoredWorkspace>, string]>([
    ['is being made', { job, video: videoOf(job) }, 'generating'],
    ['is done', { video: done }, 'completed'],
    ['is done, and another take was chosen', { video: others, takes: [done] }, 'completed'],
    ['has failed', { video: failed('mine', 'TASK_FAILED') }, 'failed TASK_FAILED'],
    ['was cancelled', { video: failed('mine', 'CANCELLED') }, 'cancelled CANCELLED'],
    ['is being made behind a take that was chosen', { video: others, job }, 'generating'],
    ['is being made behind a newer click', { ...running(), superseded: [job] }, 'generating'],
    [
      'was cancelled behind a newer click, and is followed to its end',
      { ...running(), superseded: [{ ...job, cancelled_at: new Date() }] },
      'cancelled CANCELLED',
    ],
    [
      'timed out behind a take that was chosen',
      { video: others, job: { ...job, state: 'timed_out' } },
      'failed TIMEOUT',
    ],
    [
      'failed, and its outcome is remembered by its click only',
      { clicks: [{ request_id: 'r', attempt_id: 'mine', outcome: failed('mine', 'TASK_FAILED') }] },
      'failed TASK_FAILED',
    ],
    ['is being made in the trash', { job, video: videoOf(job), deleted_at: new Date() }, 'generating'],
    ['is done in the trash', { video: done, deleted_at: new Date() }, 'completed'],
  ])('a shot that was started and %s', (_, fields, expected) => {
    const one = shot(fields);
    for (const status of ['running', 'cancelled'] as const)
      expect(states(next([itemOf(idOf(one), start)], sceneOf([one]), { status }))).toEqual([expected]);
  });

  test('a failed shot tells the code and the sentence of its video', () => {
    const one = shot({ video: failed('mine', 'TASK_FAILED') });
    expect(next([itemOf(idOf(one), start)], sceneOf([one]))).toMatchObject([
      { attempt_id: 'mine', reason: { code: 'TASK_FAILED', message: 'Told.' } },
    ]);
  });

  test('a shot that has ended stays as it ended, whatever becomes of it', () => {
    const one = shot({ video: done });
    for (const state of ['failed', 'cancelled', 'completed'] as const) {
      const item = itemOf(idOf(one), { state });
      expect(next([item], sceneOf([one]))).toEqual([item]);
    }
  });
});

describe('a process that ended on the way', () => {
  test('a shot that was marked and not claimed has its turn again', () => {
    const one = shot();
    const items = next([itemOf(idOf(one), { state: 'generating' })], sceneOf([one]));
    expect(items).toMatchObject([{ state: 'waiting', attempt_id: null }]);
    expect(due(items, sceneOf([one]))).toEqual([idOf(one)]);
  });

  test.each([
    ['is being made', 'generating'],
    ['has failed', 'failed TASK_FAILED'],
  ])('a shot that was claimed and not noted is found by its click, and %s', (_, expected) => {
    const job = newJob({ state: 'polling' });
    const { attempt_id } = job;
    const one = shot(
      expected === 'generating' ? { job, video: videoOf(job) } : { video: failed(attempt_id, 'TASK_FAILED') },
    );
    const batch = batchWith([itemOf(idOf(one), { state: 'generating' })]);
    one.clicks = [{ request_id: requestIdOf(batch), attempt_id }];
    for (const state of ['generating', 'waiting'] as const) {
      batch.items = [itemOf(idOf(one), { state })];
      const items = nextItems(batch, sceneOf([one]));
      expect(items).toMatchObject([{ attempt_id }]);
      expect(states(items)).toEqual([expected]);
      expect(due(items, sceneOf([one]))).toEqual([]);
    }
  });

  test('a click of a user at the moment of the press is taken for that of the batch, so that it is not paid twice', () => {
    const job = newJob({ state: 'polling' });
    const one = shot({ job, video: videoOf(job), clicks: [{ request_id: 'mine', attempt_id: job.attempt_id }] });
    const expected = { state: 'generating', attempt_id: job.attempt_id };
    expect(next([itemOf(idOf(one))], sceneOf([one]))).toMatchObject([expected]);
    const made = shot({ video: { ...videoOf(job), status: 'completed' } });
    expect(next([itemOf(idOf(made))], sceneOf([made]))).toMatchObject([{ ...expected, state: 'completed' }]);
  });

  test('what was there when the batch was planned, and an older take that was chosen since, are not taken for it', () => {
    const job = newJob({ state: 'polling' });
    const old = { ...finishedVideo('old'), started_at: ago(3_600_000).toISOString() };
    const waiting = [{ state: 'waiting', attempt_id: null }];
    const chosen = shot({ video: old });
    expect(next([itemOf(idOf(chosen))], sceneOf([chosen]))).toMatchObject(waiting);
    const before = shot({ video: { ...videoOf(job), status: 'completed' } });
    const planned = itemOf(idOf(before), { planned_over: job.attempt_id });
    expect(next([planned], sceneOf([before]))).toMatchObject(waiting);
  });

  test('a shot that was marked and not claimed is cancelled with its batch', () => {
    const one = shot();
    const items = next([itemOf(idOf(one), { state: 'generating' })], sceneOf([one]), { status: 'cancelled' });
    expect(states(items)).toEqual(['cancelled CANCELLED']);
  });
});

describe('a shot that waits', () => {
  test.each([
    ['was deleted', [shot({ deleted_at: new Date() })]],
    ['was deleted and is gone for good', []],
  ])('a shot that waits and %s is cancelled', (_, shots) => {
    const id = shots[0] ? idOf(shots[0]) : 'f'.repeat(24);
    expect(states(next([itemOf(id)], sceneOf(shots)))).toEqual(['cancelled WORKSPACE_NOT_FOUND']);
  });

  test.each([
    ['was edited just now', 0, false],
    ['was edited not quite 3 s ago', quietMs - 500, false],
    ['was edited 3 s ago', quietMs, true],
  ])('a shot that waits and %s', (_, ms, isDue) => {
    const one = shot({ updated_at: ago(ms).toISOString() });
    const other = shot();
    const items = [itemOf(idOf(one)), itemOf(idOf(other))];
    expect(quietMs).toBe(3000);
    expect(due(items, sceneOf([one, other]))).toEqual([...(isDue ? [idOf(one)] : []), idOf(other)]);
  });

  test('shots have their turn in the order of the batch, without those that were started or have ended', () => {
    const shots = Array.from({ length: 5 }, () => shot());
    const items = shots.map((one) => itemOf(idOf(one)));
    items[1]!.state = 'generating';
    items[3]!.state = 'failed';
    expect(due(items, sceneOf(shots))).toEqual([0, 2, 4].map((index) => items[index]!.workspace_id));
  });
});

describe('a chain', () => {
  const chain = (first: Partial<StoredWorkspace> = {}) => {
    const shots = [shot(first), shot(linked), shot(linked)];
    return { shots, items: shots.map((one) => itemOf(idOf(one))), scene: sceneOf(shots) };
  };

  test('only the first shot of a chain has its turn, and each of the others when the one before it is done', () => {
    const { shots, items, scene } = chain();
    expect(states(next(items, scene))).toEqual(['waiting', 'waiting', 'waiting']);
    expect(due(items, scene)).toEqual([idOf(shots[0]!)]);
    items[0] = itemOf(idOf(shots[0]!), { state: 'generating', attempt_id: 'one' });
    expect(due(items, scene)).toEqual([]);
    items[0] = { ...items[0], state: 'completed' };
    expect(due(items, scene)).toEqual([idOf(shots[1]!)]);
    expect(states(next(items, scene))).toEqual(['completed', 'waiting', 'waiting']);
  });

  test.each(['failed', 'cancelled'] as const)('the rest of a chain fails at once when a shot of it is %s', (state) => {
    const { shots, items, scene } = chain();
    items[0] = itemOf(idOf(shots[0]!), { state });
    const found = next(items, scene);
    expect(states(found)).toEqual([state, 'failed PREVIOUS_CLIP_MISSING', 'failed PREVIOUS_CLIP_MISSING']);
    expect(found[2]!.reason!.message).toMatch(/\.$/);
  });

  test('the rest of a chain fails in the same step in which its first shot is seen to have failed', () => {
    const { items, scene } = chain({ video: failed('one', 'TASK_FAILED') });
    items[0] = { ...items[0]!, state: 'generating', attempt_id: 'one' };
    expect(states(next(items, scene))).toEqual([
      'failed TASK_FAILED',
      'failed PREVIOUS_CLIP_MISSING',
      'failed PREVIOUS_CLIP_MISSING',
    ]);
  });

  test('a shot fails that starts from the one before it and is the first of the film by now', () => {
    const one = shot(linked);
    expect(states(next([itemOf(idOf(one))], sceneOf([one])))).toEqual(['failed PREVIOUS_CLIP_MISSING']);
  });

  test('a shot that starts from its own picture by now does not fail with the one before it', () => {
    const [before, one] = [shot(), shot()];
    const items = [itemOf(idOf(before), { state: 'failed' }), itemOf(idOf(one))];
    expect(states(next(items, sceneOf([before, one])))).toEqual(['failed', 'waiting']);
    expect(due(items, sceneOf([before, one]))).toEqual([idOf(one)]);
  });

  test('a shot waits for the one that stands before it by now, not for the one that did', () => {
    const [old, now, one] = [shot(), shot(running()), shot(linked)];
    const items = [itemOf(idOf(old), { state: 'failed' }), itemOf(idOf(one))];
    expect(states(next(items, sceneOf([old, now, one])))).toEqual(['failed', 'waiting']);
    expect(due(items, sceneOf([old, now, one]))).toEqual([]);
  });

  test('a shot waits for a clip that a click makes outside of the batch', () => {
    const [before, one] = [shot(running()), shot(linked)];
    const items = next([itemOf(idOf(one))], sceneOf([before, one]));
    expect(items).toMatchObject([{ state: 'waiting', waits_for: before.job!.attempt_id }]);
    expect(due(items, sceneOf([before, one]))).toEqual([]);
    before.video = { ...before.video, status: 'completed' };
    expect(states(next(items, sceneOf([before, one])))).toEqual(['waiting']);
    expect(due(items, sceneOf([before, one]))).toEqual([idOf(one)]);
  });

  test('a shot fails when the clip that a click makes outside of the batch fails, though there is one of before', () => {
    const [before, one] = [shot({ ...running(), takes: [finishedVideo('take')] }), shot(linked)];
    const items = next([itemOf(idOf(one))], sceneOf([before, one]));
    before.video = failed(before.job!.attempt_id, 'TASK_FAILED');
    expect(states(next(items, sceneOf([before, one])))).toEqual(['failed PREVIOUS_CLIP_MISSING']);
  });

  test('a shot does not fail for a failure of long ago, for which nobody waited', () => {
    const [before, one] = [shot({ video: failed('old', 'TASK_FAILED'), takes: [finishedVideo('take')] }), shot(linked)];
    const items = next([itemOf(idOf(one))], sceneOf([before, one]));
    expect(states(items)).toEqual(['waiting']);
    expect(due(items, sceneOf([before, one]))).toEqual([idOf(one)]);
  });

  test('a shot waits for the one before it that another batch has not begun', () => {
    const [before, one] = [shot(), shot(linked)];
    const items = [itemOf(idOf(one))];
    expect(due(items, sceneOf([before, one], { openElsewhere: new Set([idOf(before)]) }))).toEqual([]);
    expect(due(items, sceneOf([before, one]))).toEqual([idOf(one)]);
  });
});

describe('a limit that was lowered', () => {
  const limit = (spent: number, units = 1): Limit => ({
    scope: 'film',
    limit: usd(units),
    spent: usd(spent),
    resets_at: null,
  });

  const planned = (units: number) => ({ ...usd(units), basis: 'estimate', priced_on: null }) as const;

  test('a limit that was lowered fails what waits and does not fit, and leaves what was started', () => {
    // Of the third, the form asks for less by now, but it may change again.
    const shots = [shot(running()), shot(), shot()];
    const [started] = shots as [StoredWorkspace];
    const items = shots.map((one, index) => itemOf(idOf(one), { cost: planned(index === 2 ? 1 : 0.5) }));
    items[0] = { ...items[0]!, state: 'generating', attempt_id: started.job!.attempt_id };
    const found = next(items, sceneOf(shots, { limits: [limit(0.5)] }));
    expect(states(found)).toEqual(['generating', 'waiting', 'failed SPEND_LIMIT_REACHED']);
    expect(found[2]!.reason!.message).toContain('The limit of this film is 1.00 USD: 0.50 USD are spent');
    expect(states(next(items, sceneOf(shots, { limits: [limit(1)] })))).toEqual([
      'generating',
      'failed SPEND_LIMIT_REACHED',
      'failed SPEND_LIMIT_REACHED',
    ]);
  });

  test('a batch that may pass the limits is not stopped by them', () => {
    const one = shot();
    const scene = sceneOf([one], { limits: [limit(9)] });
    const item = itemOf(idOf(one), { cost: planned(0.5) });
    expect(states(next([item], scene, { accept_over_limit: true }))).toEqual(['waiting']);
  });

  test('a clip that is made and paid was planned to cost nothing, and needs no room under a limit', () => {
    const shots = [shot(), shot()];
    const items = shots.map((one, index) => itemOf(idOf(one), { cost: index === 0 ? null : planned(0.5) }));
    expect(states(next(items, sceneOf(shots, { limits: [limit(9)] })))).toEqual([
      'waiting',
      'failed SPEND_LIMIT_REACHED',
    ]);
  });

  test('a shot without charge, or one that cannot be made as it is now, waits for its turn', () => {
    const local = shot({ form_data: { ...form_data, provider: 'local' } });
    const odd = shot({ form_data: { ...form_data, duration_s: 7 } });
    const items = [local, odd].map((one) => itemOf(idOf(one)));
    expect(states(next(items, sceneOf([local, odd], { limits: [limit(9)] })))).toEqual(['waiting', 'waiting']);
  });
});
