process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { planBatch, type Wanted } from '../../src/batches/plan';
import { idleVideo } from '../../src/contract/defaults';
import type { VideoError } from '../../src/contract/video';
import { Batch } from '../../src/db/batch';
import { Film } from '../../src/db/film';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { film_id, nobody } from '../fixtures/workspaces';
import { ago, fakeProvider, newJob, plugIn, rejectionOf, videoOf } from '../helpers/attempts';
import {
  addShot,
  itemOf,
  model,
  newBatch,
  otherPicture,
  picture,
  putClip,
  theFilm,
  upToDate,
  useBatches,
} from '../helpers/batches';
import { limitFilm, reserved, usd } from '../helpers/charges';

useBatches();

const plan = async (wanted: Partial<Wanted> = {}) =>
  planBatch(await theFilm(), { only: 'changed', acceptOverLimit: false, acceptUnknownPrice: false, ...wanted });
const readyIn = ({ ready }: Awaited<ReturnType<typeof plan>>) => ready.map(({ workspace_id }) => workspace_id);
const blockedIn = ({ blocked }: Awaited<ReturnType<typeof plan>>) =>
  blocked.map(({ workspace_id, code }) => [workspace_id, code]);

const failedWith = (code: VideoError['code'], charged: VideoError['charged']) =>
  ({ ...idleVideo, attempt_id: 'failed', status: 'failed', error: { code, message: '', charged } }) as const;
const previous = { start: 'previous' } as const;

describe('a batch of what has changed', () => {
  test.each<[string, Partial<StoredWorkspace>]>([
    ['has no video', {}],
    ['has no video, but a take, as in a copied film', { takes: [upToDate()] }],
    ['failed and was not charged', { video: failedWith('CONTENT_REFUSED', 'no') }],
    ['failed and was charged', { video: failedWith('TASK_FAILED', 'yes') }],
    ['was made with other words', { video: upToDate({ form_data: { ...newJob().form_data, prompt: 'snow' } }) }],
    ['was made with another picture', { video: upToDate({ image_url: `/${otherPicture}` }) }],
    ['was made with another end picture', { video: upToDate({ end_image_url: `/${otherPicture}` }) }],
  ])('a batch of what has changed takes a shot that %s', async (_, fields) => {
    const id = await addShot(fields);
    expect(readyIn(await plan())).toEqual([id]);
  });

  test.each<[string, Partial<StoredWorkspace>]>([
    ['is up to date', { video: upToDate() }],
    ['was made before pictures were remembered', { video: upToDate({ image_url: null }) }],
    ['may have been charged', { video: failedWith('SUBMIT_UNKNOWN', 'maybe') }],
    ['timed out and may still come', { video: failedWith('TIMEOUT', 'maybe') }],
    ['is being made', { video: videoOf(newJob({ state: 'polling' })), job: newJob({ state: 'polling' }) }],
    ['is in the trash', { deleted_at: new Date() }],
  ])('a batch of what has changed leaves a shot that %s', async (_, fields) => {
    await addShot(fields);
    expect(await plan()).toMatchObject({ ready: [], blocked: [] });
  });

  test.each([
    ['another take before it', { from_attempt_id: 'older' }, {}],
    ['another cut before it', { from_s: null }, { out_s: 1 }],
    ['nothing', { from_s: 1 }, { out_s: 1 }],
  ])('a batch of what has changed looks at the shot before: %s', async (change, made, cut) => {
    await putClip('before');
    const wholeCut = { caption: '', in_s: 0, out_s: null, volume: 1, ...cut };
    await addShot({ video: upToDate({ attempt_id: 'before' }), cut: wholeCut });
    const form_data = { ...newJob().form_data, ...previous };
    const source = { from_attempt_id: 'before', from_s: null, ...made };
    const linked = await addShot({ video: upToDate({ form_data, ...source }) }, previous);
    expect(readyIn(await plan())).toEqual(change === 'nothing' ? [] : [linked]);
  });

  test.each([
    [otherPicture, true],
    [picture, false],
  ])('a batch of what has changed looks at the picture of the shot after: %s', async (made, isOld) => {
    const form_data = { ...newJob().form_data, end: 'next' as const };
    const linked = await addShot({ video: upToDate({ form_data, end_image_url: `/${made}` }) }, { end: 'next' });
    await addShot({ video: upToDate() });
    expect(readyIn(await plan())).toEqual(isOld ? [linked] : []);
  });

  test('a batch of what has changed leaves clips of another style alone, as no style is sent yet', async () => {
    await addShot({ video: upToDate() });
    await Film.updateOne({ _id: film_id }, { 'settings.style': 'noir' });
    expect(readyIn(await plan({ only: 'changed' }))).toEqual([]);
    await Film.updateOne({ _id: film_id }, { 'settings.style': '' });
  });
});

describe('a batch of what has failed', () => {
  test('a batch of what has failed takes failed shots only', async () => {
    const failed = await addShot({ video: failedWith('TASK_FAILED', 'yes') });
    await addShot();
    await addShot({ video: upToDate() });
    expect(readyIn(await plan({ only: 'failed' }))).toEqual([failed]);
  });

  const refused = { state: 'failed', reason: { code: 'SPEND_LIMIT_REACHED', message: '' } } as const;
  const ended = { status: 'completed', completed_at: ago(1000), created_at: ago(500_000) } as const;

  test('a batch of what has failed takes a shot whose turn in the newest batch failed before it was sent', async () => {
    const [one, two, three] = [await addShot(), await addShot(), await addShot()];
    await newBatch([itemOf(two, refused)], { ...ended, created_at: ago(900_000) });
    await newBatch([itemOf(one, refused), itemOf(three, { state: 'cancelled' })], ended);
    expect(readyIn(await plan({ only: 'failed' }))).toEqual([one]);
  });

  test.each([
    ['not take', 'since', ago(2000), []],
    ['take', 'before', ago(900_000), ['it']],
  ])('a batch of what has failed does %s a shot that was made %s', async (_, __, startedAt, expected) => {
    const id = await addShot({ video: upToDate({ started_at: startedAt.toISOString() }) });
    await newBatch([itemOf(id, refused)], ended);
    expect(readyIn(await plan({ only: 'failed' }))).toEqual(expected.map(() => id));
  });
});

test('a batch of all takes every shot, in the order of the film', async () => {
  const last = await addShot({ order_index: 9_000_002 });
  const first = await addShot({ order_index: 9_000_000, video: upToDate() });
  const middle = await addShot({ order_index: 9_000_001, video: failedWith('TASK_FAILED', 'no') });
  expect(readyIn(await plan({ only: 'all' }))).toEqual([first, middle, last]);
  expect(readyIn(await plan({ workspaceIds: [last, first, last] }))).toEqual([first, last]);
});

test.each([
  ['nowhere', async () => nobody],
  ['in another film', () => addShot({ film_id: nobody as never })],
  ['in the trash', () => addShot({ deleted_at: new Date() })],
])('a shot that is %s is WORKSPACE_NOT_FOUND, whatever else is named', async (_, other) => {
  const ids = [await addShot(), await other()];
  expect(await rejectionOf(plan({ workspaceIds: ids }))).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
});

test('a shot that is ready tells what it will be made with, for how long and for how much', async () => {
  const id = await addShot({}, { duration_s: 10 });
  const cost = { ...usd(1), basis: 'estimate', priced_on: model.priced_on };
  const common = { workspace_id: id, provider: 'runway', model: 'model-1', duration_s: 10, waits_for: null };
  expect(await plan()).toMatchObject({ ready: [{ ...common, cost }], estimate: [usd(1)] });
  plugIn('runway', fakeProvider({ models: [{ ...model, prices: [] }] }));
  expect(await plan()).toMatchObject({ ready: [{ ...common, cost: null }], estimate: [] });
});

describe('a blocked shot', () => {
  const inDoubt = newJob({ state: 'in_doubt', provider: 'runway' });

  test.each<[string, Partial<StoredWorkspace>, Parameters<typeof addShot>[1], string]>([
    ['has no picture', { image_path: null }, {}, 'IMAGE_MISSING'],
    ['has a picture whose file is gone', { image_path: 'uploads/images/gone.png' }, {}, 'IMAGE_MISSING'],
    ['ends on a picture and has none', {}, { end: 'image' }, 'IMAGE_MISSING'],
    ['starts from a shot before that is not there', {}, previous, 'PREVIOUS_CLIP_MISSING'],
    ['ends on the picture of a shot after that is not there', {}, { end: 'next' }, 'NEXT_IMAGE_MISSING'],
    ['is too long for its model', {}, { duration_s: 7 }, 'INVALID_INPUT form_data.duration_s'],
    ['has no words', {}, { prompt: ' ' }, 'INVALID_INPUT form_data.prompt'],
    ['names a model that is not there', {}, { model: 'none' }, 'INVALID_INPUT form_data.model'],
    ['names a provider that is not there', {}, { provider: 'none' }, 'INVALID_INPUT form_data.provider'],
    ['names a provider without a key', {}, { provider: 'pika' }, 'PROVIDER_NOT_CONFIGURED'],
    ['may have been charged', { video: failedWith('SUBMIT_UNKNOWN', 'maybe') }, {}, 'SECOND_CHARGE_POSSIBLE'],
    ['has a create in doubt behind it', { superseded: [inDoubt] }, {}, 'SECOND_CHARGE_POSSIBLE'],
    ['has a create in doubt behind a clip', { superseded: [inDoubt], video: upToDate() }, {}, 'SECOND_CHARGE_POSSIBLE'],
    ['is being made by a click', { video: videoOf(newJob({ state: 'polling' })) }, {}, 'VIDEO_IN_PROGRESS'],
  ])('a shot is blocked that %s', async (_, fields, form, refusal) => {
    const [code, path] = refusal.split(' ');
    const id = await addShot(fields, form);
    const { ready, blocked, estimate } = await plan({ only: 'all' });
    expect({ ready, estimate }).toEqual({ ready: [], estimate: [] });
    expect(blocked).toMatchObject([{ workspace_id: id, code, message: expect.stringMatching(/\.$/) }]);
    if (path) expect(blocked).toMatchObject([{ details: [{ path }] }]);
  });

  test.each<[string, Partial<StoredWorkspace>]>([
    ['it has no picture either', { image_path: null }],
    [
      'another clip of it is made and only to be fetched',
      { job: newJob({ state: 'download_failed', provider: 'runway' }) },
    ],
  ])('a shot that may have been charged is blocked as that, though %s', async (_, fields) => {
    const id = await addShot({ superseded: [inDoubt], ...fields });
    expect(blockedIn(await plan({ only: 'all' }))).toEqual([[id, 'SECOND_CHARGE_POSSIBLE']]);
  });

  test('a blocked shot does not keep the others from being ready', async () => {
    const [good, bad, other] = [await addShot(), await addShot({ image_path: null }), await addShot()];
    const found = await plan();
    expect(readyIn(found)).toEqual([good, other]);
    expect(blockedIn(found)).toEqual([[bad, 'IMAGE_MISSING']]);
  });

  test('an end frame is blocked where the model takes none', async () => {
    plugIn('runway', fakeProvider({ models: [{ ...model, end_image: false }] }));
    const id = await addShot({}, { end: 'next' });
    await addShot();
    expect(await plan()).toMatchObject({
      blocked: [{ workspace_id: id, code: 'INVALID_INPUT', details: [{ path: 'form_data.end' }] }],
    });
  });
});

describe('a chain', () => {
  const chainOf = ({ ready }: Awaited<ReturnType<typeof plan>>) => ready.map(({ waits_for }) => waits_for);

  test('each shot of a chain waits for the one before it, which is made in the same batch', async () => {
    const [one, two] = [await addShot(), await addShot({ image_path: null }, previous), await addShot({}, previous)];
    expect(chainOf(await plan())).toEqual([null, one, two]);
  });

  test('a shot waits for no clip that is there already', async () => {
    await putClip('there');
    await addShot({ video: upToDate({ attempt_id: 'there' }) });
    await addShot({}, previous);
    expect(chainOf(await plan())).toEqual([null]);
  });

  test('a shot waits for the one before it that a click makes', async () => {
    const before = await addShot({ video: videoOf(newJob({ state: 'polling' })) });
    await addShot({}, previous);
    expect(chainOf(await plan())).toEqual([before]);
  });

  test('a shot waits for the one before it that another batch makes', async () => {
    const before = await addShot();
    const next = await addShot({}, previous);
    await newBatch([itemOf(before)]);
    expect(await plan()).toMatchObject({ ready: [{ workspace_id: next, waits_for: before }] });
  });

  test('a shot behind a blocked one is blocked too, unless that one has a clip of before', async () => {
    const bad = await addShot({ image_path: null });
    const next = await addShot({}, previous);
    expect(blockedIn(await plan())).toEqual([
      [bad, 'IMAGE_MISSING'],
      [next, 'PREVIOUS_CLIP_MISSING'],
    ]);
    await putClip('take');
    await Workspace.updateOne({ _id: bad }, { takes: [upToDate({ attempt_id: 'take' })] });
    expect(readyIn(await plan())).toEqual([next]);
  });
});

describe('the limits', () => {
  test('the whole batch counts against the limits in the order of the film, whatever order the ids have', async () => {
    const ids = [await addShot(), await addShot(), await addShot(), await addShot({}, { duration_s: 10 })];
    await limitFilm(usd(1.5));
    await reserved(0.4);
    for (const wanted of [{}, { workspaceIds: ids.toReversed() }]) {
      const found = await plan(wanted);
      expect(readyIn(found)).toEqual(ids.slice(0, 2));
      expect(blockedIn(found)).toEqual(ids.slice(2).map((id) => [id, 'SPEND_LIMIT_REACHED']));
      expect(found.estimate).toEqual([usd(1)]);
    }
  });

  test('a dearer shot that does not fit leaves room for a cheaper one behind it', async () => {
    await limitFilm(usd(1));
    const [cheap, dear, last] = [await addShot(), await addShot({}, { duration_s: 10 }), await addShot()];
    const found = await plan();
    expect(readyIn(found)).toEqual([cheap, last]);
    expect(blockedIn(found)).toEqual([[dear, 'SPEND_LIMIT_REACHED']]);
  });

  test('a press that accepts to pass the limits has all shots ready', async () => {
    await limitFilm(usd(0.1));
    const ids = [await addShot(), await addShot()];
    expect(readyIn(await plan({ acceptOverLimit: true }))).toEqual(ids);
  });

  test('a shot without a price is blocked while a limit is in force, unless that is accepted', async () => {
    plugIn('runway', fakeProvider({ models: [{ ...model, prices: [] }] }));
    const id = await addShot();
    expect(readyIn(await plan())).toEqual([id]);
    await limitFilm(usd(100));
    expect(blockedIn(await plan())).toEqual([[id, 'PRICE_UNKNOWN']]);
    expect(readyIn(await plan({ acceptUnknownPrice: true }))).toEqual([id]);
    expect(blockedIn(await plan({ acceptOverLimit: true }))).toEqual([[id, 'PRICE_UNKNOWN']]);
  });

  test('a clip that is made and paid needs no room under a limit', async () => {
    await limitFilm(usd(0.1));
    const made = newJob({ state: 'download_failed', provider: 'runway' });
    const id = await addShot({ superseded: [made] });
    expect(await plan()).toMatchObject({ ready: [{ workspace_id: id, cost: null }], blocked: [] });
  });
});

describe('shots of a running batch', () => {
  test.each([
    ['what has changed', {}],
    ['all', { only: 'all' as const }],
  ])('a press for %s that finds just the shots of a running batch means that one', async (_, wanted) => {
    const [one, two] = [await addShot(), await addShot()];
    const { _id } = await newBatch([itemOf(one), itemOf(two, { state: 'generating' })]);
    expect(await plan(wanted)).toMatchObject({ same: { _id }, ready: [], blocked: [] });
    expect(await plan({ workspaceIds: [two, one] })).toMatchObject({ same: { _id } });
    expect(await plan({ workspaceIds: [two] })).toMatchObject({ same: { _id }, ready: [] });
  });

  test('a press for the shots of a running batch means that one, though some of them have ended', async () => {
    const [one, two] = [await addShot(), await addShot()];
    const { _id } = await newBatch([itemOf(one, { state: 'failed' }), itemOf(two)]);
    expect(await plan({ workspaceIds: [one, two] })).toMatchObject({ same: { _id }, ready: [] });
  });

  test('a press that finds more takes only what no other batch has', async () => {
    const [busy, free] = [await addShot(), await addShot()];
    await newBatch([itemOf(busy)]);
    const found = await plan();
    expect(found).toMatchObject({ same: null, blocked: [] });
    expect(readyIn(found)).toEqual([free]);
  });

  test('a press that names a shot of a running batch beside others has it blocked', async () => {
    const [busy, free] = [await addShot(), await addShot()];
    await newBatch([itemOf(busy)]);
    const found = await plan({ workspaceIds: [busy, free] });
    expect(found.same).toBeNull();
    expect(blockedIn(found)).toEqual([[busy, 'VIDEO_IN_PROGRESS']]);
  });

  test('the shots of a batch that has ended are free', async () => {
    const id = await addShot();
    await newBatch([itemOf(id, { state: 'failed' })], { status: 'completed', completed_at: ago(1000) });
    await newBatch([itemOf(id, { state: 'cancelled' })], { status: 'cancelled', completed_at: ago(1000) });
    const found = await plan();
    expect(found.same).toBeNull();
    expect(readyIn(found)).toEqual([id]);
  });
});

test('a plan changes nothing', async () => {
  await addShot();
  const before = await Workspace.find().lean();
  await plan({ only: 'all' });
  expect(await Workspace.find().lean()).toEqual(before);
  expect(await Batch.countDocuments()).toBe(0);
});
