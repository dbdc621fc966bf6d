import { Types } from 'mongoose';
import {
  changeBatch,
  claimBatches,
  dropOldBatches,
  endOf,
  findBatch,
  findBatches,
  findRunning,
  releaseBatches,
} from '../../src/batches/store';
import { Batch, isWaitingInBatch, toWireBatch, type BatchItem, type StoredBatch } from '../../src/db/batch';
import { processId } from '../../src/utils/process-id';
import { film_id, nobody, time } from '../fixtures/workspaces';
import { ago, rejectionOf } from '../helpers/attempts';
import { batchOf, inWords, itemOf, newBatch, useBatches } from '../helpers/batches';

useBatches();

const id = (number: number) => String(number).padStart(24, '0');
const [one, two] = [id(1), id(2)];
const to =
  (state: BatchItem['state'], index: number) =>
  ({ items }: StoredBatch) => ({
    items: items.map((item, place) => (place === index ? { ...item, state } : item)),
  });

test('a batch goes over the wire without what only servers need', async () => {
  const reason = {
    code: 'INVALID_INPUT' as const,
    message: 'No.',
    details: [{ path: 'form_data.end', message: 'must be none' }],
  };
  const estimate = [{ currency: 'USD', micros: 500_000 } as const];
  const items = [itemOf(one, { attempt_id: 'a', state: 'failed', reason, waits_for: 'b' }), itemOf(two)];
  const { _id } = await newBatch(items, { estimate, request_id: 'r' });
  expect(toWireBatch(await findBatch(String(_id)))).toEqual({
    _id: String(_id),
    film_id,
    status: 'running',
    items: [
      { workspace_id: one, attempt_id: 'a', state: 'failed', reason },
      { workspace_id: two, attempt_id: null, state: 'waiting', reason: null },
    ],
    estimate,
    created_at: expect.stringMatching(time),
    completed_at: null,
  });
  expect(await rejectionOf(findBatch(nobody))).toMatchObject({ code: 'BATCH_NOT_FOUND' });
});

describe('a change', () => {
  test('a change is made to the batch as it is stored by then, so that none is lost', async () => {
    const batch = await newBatch(Array.from({ length: 12 }, (_, index) => itemOf(id(index))));
    await Promise.all(batch.items.map((_, index) => changeBatch(batch._id, to('generating', index))));
    const stored = await batchOf(batch);
    expect(new Set(inWords(stored))).toEqual(new Set(['generating']));
    expect(stored.revision).toBe(13);
  });

  test('a change that is none stores nothing', async () => {
    const batch = await newBatch([itemOf(one)]);
    expect(await changeBatch(batch._id, () => null)).toEqual(await batchOf(batch));
    expect(await batchOf(batch)).toMatchObject({ revision: 1 });
  });

  test('a batch is completed by the change that ends its last shot, and has no end before', async () => {
    const batch = await newBatch([itemOf(one), itemOf(two)]);
    await changeBatch(batch._id, to('failed', 0));
    expect(await batchOf(batch)).toMatchObject({ status: 'running', open: [two], completed_at: null });
    await changeBatch(batch._id, to('completed', 1));
    expect(await batchOf(batch)).toMatchObject({ status: 'completed', open: [], completed_at: expect.any(Date) });
  });

  test('a cancelled batch ends with the last shot that was sent, and stays cancelled', async () => {
    const items = [itemOf(one, { state: 'generating' }), itemOf(two, { state: 'cancelled' })];
    const batch = await newBatch(items, { status: 'cancelled' });
    await changeBatch(batch._id, to('completed', 0));
    expect(await batchOf(batch)).toMatchObject({ status: 'cancelled', open: [], completed_at: expect.any(Date) });
  });

  test('the end of a batch is told once', () => {
    const ended = { status: 'completed', items: [itemOf(one, { state: 'failed' })], completed_at: ago(1000) } as const;
    expect(endOf({ ...ended, items: [...ended.items] })).toMatchObject({ completed_at: ended.completed_at });
  });
});

describe('the list', () => {
  test('the list has the newest 20 batches of a film, newest first', async () => {
    const ended = (ms: number) => ({ status: 'completed', created_at: ago(ms), completed_at: ago(ms) }) as const;
    const made = [];
    for (let number = 1; number <= 22; number++) made.push(await newBatch([], ended(number * 1000)));
    await newBatch([], { ...ended(1), film_id: new Types.ObjectId(nobody) });
    const found = await findBatches(film_id);
    expect(found.map(({ _id }) => String(_id))).toEqual(made.slice(0, 20).map(({ _id }) => String(_id)));
  });

  test('old batches are removed beyond 20, but none that has not ended, and none of another film', async () => {
    const old = ago(1_000_000);
    const running = await newBatch([itemOf(one)], { created_at: old });
    const closing = await newBatch([itemOf(two, { state: 'generating' })], { created_at: old, status: 'cancelled' });
    const other = await newBatch([], { created_at: old, completed_at: old, film_id: new Types.ObjectId(nobody) });
    for (let number = 1; number <= 22; number++)
      await newBatch([], { status: 'completed', created_at: ago(number * 1000), completed_at: ago(1) });
    await dropOldBatches(new Types.ObjectId(film_id));
    expect(await Batch.countDocuments({ film_id })).toBe(22);
    for (const kept of [running, closing, other]) expect(await batchOf(kept)).not.toBeNull();
  });

  test('only the batches of a film that run are running', async () => {
    const running = await newBatch([itemOf(one)]);
    await newBatch([itemOf(two, { state: 'generating' })], { status: 'cancelled' });
    await newBatch([], { status: 'completed', completed_at: ago(1) });
    expect((await findRunning(film_id)).map(({ _id }) => _id)).toEqual([running._id]);
  });
});

test('no shot is open in two running batches, whoever stores them', async () => {
  await newBatch([itemOf(one), itemOf(two)]);
  await expect(newBatch([itemOf(two), itemOf(id(3))])).rejects.toThrow('duplicate key');
  await newBatch([itemOf(one, { state: 'failed' }), itemOf(id(3))]);
});

test.each([
  ['waiting', null, 'running', true],
  ['starting', null, 'running', true],
  ['generating', 'started', 'running', false],
  ['failed', null, 'running', false],
  ['waiting', null, 'cancelled', false],
] as const)(
  'a shot that is %s as %s in a batch that is %s waits for its turn: %s',
  async (state, attempt_id, status, expected) => {
    await newBatch([itemOf(one, { state, attempt_id }), itemOf(two)], { status });
    expect(await isWaitingInBatch(one)).toBe(expected);
    expect(await isWaitingInBatch(id(9))).toBe(false);
  },
);

describe('the lease of a batch', () => {
  // No process of this machine has that number.
  const gone = processId.replace(/:\d+:/, ':4194999:');
  const inAMinute = () => new Date(Date.now() + 60_000);
  const claimed = async () => (await claimBatches()).map(({ _id }) => String(_id));

  test.each([
    ['is ours', processId, inAMinute(), true],
    ['was made by none', 'elsewhere:1:a', new Date(0), true],
    ['has expired', 'elsewhere:1:a', ago(1000), true],
    ['belongs to a process that is gone', gone, inAMinute(), true],
    ['belongs to another process', 'elsewhere:1:a', inAMinute(), false],
  ])('a batch whose lease %s', async (_, owner, until, isClaimed) => {
    const batch = await newBatch([itemOf(one)], { lease: { owner, until } });
    expect(await claimed()).toEqual(isClaimed ? [String(batch._id)] : []);
    const { lease } = await batchOf(batch);
    expect(lease.owner).toBe(isClaimed ? processId : owner);
    if (isClaimed) expect(lease.until.getTime()).toBeGreaterThan(Date.now() + 5000);
  });

  test('a cancelled batch is run until its last shot has ended, an ended one no more', async () => {
    const closing = await newBatch([itemOf(one, { state: 'generating' })], { status: 'cancelled' });
    await newBatch([itemOf(two, { state: 'failed' })], { status: 'completed', completed_at: ago(1) });
    expect(await claimed()).toEqual([String(closing._id)]);
  });

  test('a batch that is let go can be run by another process at once', async () => {
    const batch = await newBatch([itemOf(one)]);
    await claimBatches();
    await releaseBatches();
    expect((await batchOf(batch)).lease.until.getTime()).toBeLessThan(Date.now());
  });
});
