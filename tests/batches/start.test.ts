process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { stopBatches } from '../../src/batches/runner';
import { previewBatch, startBatch } from '../../src/batches/start';
import { Batch } from '../../src/db/batch';
import { Film } from '../../src/db/film';
import { Workspace } from '../../src/db/workspace';
import { film_id, nobody } from '../fixtures/workspaces';
import { ago, fakeProvider, plugIn, rejectionOf, type FakeProvider } from '../helpers/attempts';
import { addShot, batchOf, itemOf, model, newBatch, useBatches } from '../helpers/batches';
import { limitFilm, usd } from '../helpers/charges';

useBatches();

// Nothing runs the batches here: what is stored is what a press has started.
beforeAll(stopBatches);
let provider: FakeProvider;
beforeEach(() => {
  provider = plugIn('runway', fakeProvider({ models: [model] }));
});

type Press = Parameters<typeof startBatch>[0];
const press = (more: Partial<Press> = {}) =>
  startBatch({
    filmId: film_id,
    only: 'changed',
    acceptOverLimit: false,
    acceptUnknownPrice: false,
    skipBlocked: false,
    ...more,
  });

/** A press that is refused, and starts nothing. */
async function refusal(more: Partial<Press> = {}) {
  const before = [await Batch.find().lean(), await Workspace.find().lean()];
  const error = await rejectionOf(press(more));
  expect([await Batch.find().lean(), await Workspace.find().lean()]).toEqual(before);
  expect(provider.calls.submit).toBe(0);
  return error;
}

test('a press stores a batch that waits, in the order of the film, with the estimate of that moment', async () => {
  const [second, first] = [await addShot({ order_index: 9_000_001 }), await addShot({ order_index: 9_000_000 })];
  const waiting = { attempt_id: null, state: 'waiting', reason: null };
  const batch = await press({ workspaceIds: [second, first] });
  expect(batch).toMatchObject({
    film_id,
    status: 'running',
    items: [
      { workspace_id: first, ...waiting },
      { workspace_id: second, ...waiting },
    ],
    estimate: [usd(1)],
    completed_at: null,
  });
  expect(await batchOf({ _id: batch._id as never })).toMatchObject({
    accept_over_limit: false,
    accept_unknown_price: false,
  });
  expect((await Workspace.find().lean()).map(({ video }) => video.status)).toEqual(['idle', 'idle']);
});

test('a press keeps what it accepts for the time when its shots are sent', async () => {
  await addShot();
  await limitFilm(usd(0.1));
  const { _id } = await press({ acceptOverLimit: true, acceptUnknownPrice: true });
  expect(await batchOf({ _id: _id as never })).toMatchObject({ accept_over_limit: true, accept_unknown_price: true });
});

test('a press without a film is for the default one, and one for a film that is not there is FILM_NOT_FOUND', async () => {
  await addShot();
  expect(await press({ filmId: undefined })).toMatchObject({ film_id });
  expect(await refusal({ filmId: nobody })).toMatchObject({ code: 'FILM_NOT_FOUND' });
  await Film.updateOne({ _id: film_id }, { deleted_at: ago(1) });
  expect(await refusal()).toMatchObject({ code: 'FILM_NOT_FOUND' });
});

describe('a press with blocked shots', () => {
  test('a press with blocked shots starts nothing and names each of them with its sentence', async () => {
    const [, bare, long] = [await addShot(), await addShot({ image_path: null }), await addShot({}, { duration_s: 7 })];
    const { code, details } = await refusal();
    expect(code).toBe('BATCH_BLOCKED');
    expect(details).toEqual([
      { path: bare, message: expect.stringContaining('has no image') },
      { path: long, message: expect.stringContaining('duration_s must be one of 5, 10') },
    ]);
  });

  test('a press that skips blocked shots makes the others', async () => {
    const good = await addShot();
    await addShot({ image_path: null });
    const { items } = await press({ skipBlocked: true });
    expect(items.map(({ workspace_id }) => workspace_id)).toEqual([good]);
  });

  test.each([
    ['no shot', {}, 'NOTHING_TO_GENERATE'],
    ['no shot that is named', { workspaceIds: [] }, 'NOTHING_TO_GENERATE'],
    ['no failed shot', { only: 'failed' as const }, 'NOTHING_TO_GENERATE'],
  ])('a press that finds %s is refused', async (_, more, code) => {
    expect(await refusal(more)).toMatchObject({ code });
  });

  test('a press that skips all of its shots is refused', async () => {
    await addShot({ image_path: null });
    expect(await refusal({ skipBlocked: true })).toMatchObject({ code: 'NOTHING_TO_GENERATE' });
  });

  test('a press that does not fit into a limit starts nothing, or only what fits', async () => {
    const [one, two] = [await addShot(), await addShot()];
    await limitFilm(usd(0.7));
    expect(await refusal()).toMatchObject({ code: 'BATCH_BLOCKED', details: [{ path: two }] });
    expect(await press({ skipBlocked: true })).toMatchObject({ items: [{ workspace_id: one }], estimate: [usd(0.5)] });
  });

  test('a shot that is not in the film is WORKSPACE_NOT_FOUND, and skipping does not help', async () => {
    const ids = [await addShot(), nobody];
    expect(await refusal({ workspaceIds: ids, skipBlocked: true })).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
  });
});

describe('a second press', () => {
  test('a second press gets the batch of the first one, and so do ten at once', async () => {
    for (let shot = 0; shot < 3; shot++) await addShot();
    const both = await Promise.all(Array.from({ length: 10 }, () => press()));
    expect(new Set(both.map(({ _id }) => _id)).size).toBe(1);
    expect(both[0]!.items).toHaveLength(3);
    expect((await press({ only: 'all' }))._id).toBe(both[0]!._id);
    expect(await Batch.countDocuments()).toBe(1);
  });

  test('ten presses at once for shots that overlap start each shot once', async () => {
    const ids: string[] = [];
    for (let shot = 0; shot < 4; shot++) ids.push(await addShot());
    const presses = Array.from({ length: 10 }, (_, index) =>
      press({ workspaceIds: [ids[index % 4]!, ids[(index + 1) % 4]!], skipBlocked: true }),
    );
    await Promise.allSettled(presses);
    const taken = (await Batch.find().lean()).flatMap(({ items }) => items.map(({ workspace_id }) => workspace_id));
    expect(new Set(taken).size).toBe(taken.length);
  });

  test('a press that another server has overtaken between its look and its write gets the batch of that one', async () => {
    const id = await addShot();
    const insert = Batch.collection.insertOne.bind(Batch.collection);
    const faster: string[] = [];
    jest.spyOn(Batch.collection, 'insertOne').mockImplementationOnce(async (...document) => {
      faster.push(String((await newBatch([itemOf(id)]))._id));
      return insert(...document);
    });
    expect((await press())._id).toBe(faster[0]);
    expect(await Batch.countDocuments()).toBe(1);
  });

  test('a press under the request_id of another one gets its batch, also once that has ended', async () => {
    const id = await addShot();
    const first = await press({ requestId: 'r1' });
    await addShot();
    expect((await press({ requestId: 'r1' }))._id).toBe(first._id);
    await Batch.updateOne({}, { status: 'completed', open: [], completed_at: ago(1), 'items.0.state': 'failed' });
    expect(await press({ requestId: 'r1' })).toMatchObject({ _id: first._id, status: 'completed' });
    expect((await press({ requestId: 'r2', workspaceIds: [id] }))._id).not.toBe(first._id);
  });

  test('a press that was refused stays refused under its request_id, whatever was mended since', async () => {
    const id = await addShot({ image_path: null });
    const refused = await rejectionOf(press({ requestId: 'r1' }));
    expect(refused).toMatchObject({ code: 'BATCH_BLOCKED', details: [{ path: id }] });
    await addShot();
    expect(await rejectionOf(press({ requestId: 'r1', skipBlocked: true }))).toMatchObject({
      code: 'BATCH_BLOCKED',
      message: refused.message,
      details: refused.details,
    });
    expect(await Batch.countDocuments()).toBe(0);
    expect((await press({ requestId: 'r2', skipBlocked: true })).items).toHaveLength(1);
  });

  test('what waits in a running batch counts against the limits of the next press', async () => {
    await limitFilm(usd(1));
    await addShot();
    await press();
    const [fits, beyond] = [await addShot(), await addShot()];
    expect(await rejectionOf(press())).toMatchObject({ code: 'BATCH_BLOCKED', details: [{ path: beyond }] });
    expect((await press({ skipBlocked: true })).items).toMatchObject([{ workspace_id: fits }]);
  });

  test('a press that skips what is blocked gets the running batch, where that makes all the rest', async () => {
    await addShot();
    await addShot({ image_path: null });
    const first = await press({ skipBlocked: true });
    expect((await press({ skipBlocked: true }))._id).toBe(first._id);
  });

  test('two presses at once under one request_id start one batch', async () => {
    await addShot();
    const both = await Promise.all([press({ requestId: 'r1' }), press({ requestId: 'r1' })]);
    expect(both[0]._id).toBe(both[1]._id);
  });

  test('a press that finds more than a running batch has makes the rest in a second one', async () => {
    const id = await addShot();
    const first = await press();
    const more = await addShot();
    const second = await press();
    expect(second._id).not.toBe(first._id);
    expect(second.items.map(({ workspace_id }) => workspace_id)).toEqual([more]);
    expect(await refusal({ workspaceIds: [id, await addShot()] })).toMatchObject({
      code: 'BATCH_BLOCKED',
      details: [{ path: id }],
    });
  });
});

test('a press beyond the 20 that are kept removes the oldest one that has ended', async () => {
  await addShot();
  const ended = { status: 'completed', completed_at: ago(1000) } as const;
  const oldest = await newBatch([], { ...ended, created_at: ago(90_000) });
  for (let number = 1; number <= 20; number++) await newBatch([], { ...ended, created_at: ago(number * 1000) });
  const { _id } = await press();
  expect(await batchOf(oldest)).toBeNull();
  expect(await batchOf({ _id: _id as never })).not.toBeNull();
});

test('a press for 300 shots, a third of which continue each other, is answered within 2 s', async () => {
  const id = await addShot();
  const { _id, ...shot } = (await Workspace.findById(id).lean())!;
  const link = (index: number) => ({ ...shot.form_data, start: index % 3 ? 'image' : 'previous' });
  const more = Array.from({ length: 299 }, (_, index) => ({
    ...shot,
    order_index: shot.order_index + index + 1,
    form_data: link(index),
  }));
  await Workspace.collection.insertMany(more);
  const begunMs = performance.now();
  const { items } = await press();
  expect(performance.now() - begunMs).toBeLessThan(2000);
  expect(items).toHaveLength(300);
  expect(items[0]!.workspace_id).toBe(String(_id));
});

test('a preview tells what a press would do and starts nothing', async () => {
  const good = await addShot();
  const bad = await addShot({ image_path: null });
  const wanted = { filmId: film_id, only: 'all', acceptOverLimit: false, acceptUnknownPrice: false } as const;
  expect(await previewBatch(wanted)).toEqual({
    ready: [expect.objectContaining({ workspace_id: good })],
    blocked: [{ workspace_id: bad, code: 'IMAGE_MISSING', message: expect.any(String) }],
    estimate: [usd(0.5)],
  });
  expect(await Batch.countDocuments()).toBe(0);
});
