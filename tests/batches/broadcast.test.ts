import { Types } from 'mongoose';
import { tellBatch, tellBatchOf } from '../../src/batches/broadcast';
import { toWireBatch, type StoredBatch } from '../../src/db/batch';
import type { Batch as WireBatch } from '../../src/contract/batch';
import { listenToPushes } from '../../src/utils/push';
import { film_id, nobody } from '../fixtures/workspaces';
import { itemOf, newBatch, useBatches } from '../helpers/batches';

// Before the database is used again, which needs its timers.
afterEach(() => jest.useRealTimers());
useBatches();

type Told = { filmId: string | null; batch: WireBatch };
const told: Told[] = [];
listenToPushes((filmId, message) => {
  if (message.type === 'batch.status_update') told.push({ filmId, batch: message.batch });
});

let film: Types.ObjectId;
beforeEach(() => {
  told.length = 0;
  film = new Types.ObjectId();
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
});

/** A batch as it is after that many changes, which its one item tells. */
const after = (revision: number, of: Partial<StoredBatch> = {}): StoredBatch => ({
  _id: new Types.ObjectId(),
  film_id: film,
  status: 'running',
  items: [itemOf(nobody, { attempt_id: String(revision) })],
  open: [],
  accept_over_limit: false,
  accept_unknown_price: false,
  estimate: [],
  created_at: new Date(0),
  completed_at: null,
  lease: { owner: '', until: new Date(0) },
  revision,
  ...of,
});
const revisions = () => told.map(({ batch }) => Number(batch.items[0]!.attempt_id));

test('a batch is told to its film at once, as it goes over the wire', () => {
  const batch = after(1);
  tellBatch(batch);
  expect(told).toEqual([{ filmId: String(film), batch: toWireBatch(batch) }]);
});

test('a batch that changes all the time is told four times a second, and the last change is always told', () => {
  const { _id } = after(0);
  for (let revision = 1; revision <= 200; revision++) {
    tellBatch(after(revision, { _id }));
    jest.advanceTimersByTime(10);
  }
  expect(told.length).toBeGreaterThanOrEqual(8);
  expect(told.length).toBeLessThanOrEqual(9);
  jest.advanceTimersByTime(250);
  expect(revisions().at(-1)).toBe(200);
  jest.advanceTimersByTime(10_000);
  expect(told.length).toBeLessThanOrEqual(10);
});

test('a batch is never told as it was before, whatever comes late, nor the same twice', () => {
  const { _id } = after(0);
  for (const revision of [2, 5, 3, 5, 4]) {
    tellBatch(after(revision, { _id }));
    jest.advanceTimersByTime(300);
  }
  expect(revisions()).toEqual([2, 5]);
  tellBatch(after(7, { _id }));
  tellBatch(after(9, { _id }));
  tellBatch(after(8, { _id }));
  jest.advanceTimersByTime(1000);
  expect(revisions()).toEqual([2, 5, 7, 9]);
});

test('two batches of a film share its four a second, and those of another film do not wait for them', () => {
  const [one, other] = [after(1), after(2)];
  tellBatch(one);
  tellBatch(other);
  tellBatch(after(3, { film_id: new Types.ObjectId() }));
  expect(revisions()).toEqual([1, 3]);
  for (let revision = 4; revision <= 40; revision++) {
    tellBatch(after(revision, { _id: one._id }));
    tellBatch(after(revision, { _id: other._id }));
    jest.advanceTimersByTime(50);
  }
  jest.advanceTimersByTime(1000);
  const ofFilm = told.filter(({ filmId }) => filmId === String(film));
  expect(ofFilm.length).toBeLessThanOrEqual(11);
  expect(ofFilm.slice(-2).map(({ batch }) => batch.items[0]!.attempt_id)).toEqual(['40', '40']);
});

test('a batch that another server has changed is told as it is stored, and one that is gone is not', async () => {
  jest.useRealTimers();
  const stored = await newBatch([itemOf(nobody)]);
  await tellBatchOf(String(stored._id));
  await tellBatchOf(nobody);
  expect(told).toEqual([{ filmId: film_id, batch: toWireBatch(stored) }]);
});
