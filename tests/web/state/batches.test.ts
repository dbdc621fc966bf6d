import type { Batch } from '../../../src/contract/batch';
import { emptyForm, idleVideo, wholeClip } from '../../../src/contract/defaults';
import type { Workspace } from '../../../src/contract/workspace';
import { failureOf } from '../../../src/web/generate/failures';
import {
  batchTold,
  batchWords,
  endedPart,
  failedIn,
  isWaitingInBatch,
  putAwayUnsent,
  runningBatch,
  waitsForNumber,
  watchBatches,
} from '../../../src/web/state/batches';
import { getState, setState } from '../../../src/web/state/store';

type State = Batch['items'][number]['state'];

const filmId = 'f'.repeat(24);
const batchOf = (states: Record<string, State>, more: Partial<Batch> = {}): Batch => ({
  _id: 'b'.repeat(24),
  film_id: filmId,
  status: 'running',
  items: Object.entries(states).map(([id, state]) => ({ workspace_id: id, attempt_id: null, state, reason: null })),
  estimate: [],
  created_at: '2026-01-01T00:00:00.000Z',
  completed_at: null,
  ...more,
});
const shot = (id: string, start: 'image' | 'previous' = 'image'): Workspace => ({
  _id: id,
  film_id: filmId,
  order_index: 0,
  image_path: null,
  image_url: '/uploads/images/a.jpg',
  end_image_path: null,
  end_image_url: null,
  form_data: { ...emptyForm, start },
  cut: wholeClip,
  video: idleVideo,
  takes: [],
  ai_collaboration: [],
  version: 1,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
});
const ended = { status: 'completed', completed_at: '2026-01-01T00:10:00.000Z' } as const;
const batches = () => getState().batches;

beforeEach(() => {
  // What is said about a batch goes away by a timer.
  jest.useFakeTimers();
  const shots = [shot('one'), shot('two', 'previous'), shot('three')];
  setState({
    filmId,
    batches: [],
    ids: shots.map(({ _id: id }) => id),
    byId: Object.fromEntries(shots.map((one) => [one._id, one])),
  });
});
afterEach(() => jest.useRealTimers());

it('keeps the batches of its film only, the newest first', () => {
  batchTold(batchOf({ one: 'waiting' }));
  batchTold(batchOf({ two: 'waiting' }, { _id: 'c'.repeat(24) }));
  batchTold(batchOf({ three: 'waiting' }, { _id: 'd'.repeat(24), film_id: 'e'.repeat(24) }));
  expect(batches().map(({ _id: id }) => id[0])).toEqual(['c', 'b']);
});

it('never goes back to an older report', () => {
  const later = batchOf({ one: 'completed', two: 'generating' });
  batchTold(later);
  batchTold(batchOf({ one: 'generating', two: 'waiting' }));
  expect(batches()).toEqual([later]);
});

it('says how a batch ended, once, also where it was cancelled before its last shot had ended', () => {
  batchTold(batchOf({ one: 'generating', two: 'cancelled' }, { status: 'cancelled' }));
  expect(runningBatch(getState())).toBeDefined();
  expect(getState().toasts).toEqual([]);
  const last = batchOf({ one: 'completed', two: 'cancelled' }, { ...ended, status: 'cancelled' });
  batchTold(last);
  batchTold(last);
  expect(runningBatch(getState())).toBeUndefined();
  expect(getState().toasts.map(({ text }) => text)).toEqual(['1 of 2 made, 1 cancelled']);
});

it('names what failed and what was cancelled, and counts all that has ended', () => {
  const shots = { one: 'completed', two: 'failed', three: 'cancelled', four: 'generating' } as const;
  const batch = batchOf(shots);
  expect(batchWords(batch)).toBe('1 of 4 made, 1 failed, 1 cancelled');
  expect(endedPart(batch)).toBe(0.75);
  expect(batchWords({ ...batch, status: 'cancelled' })).toBe('Stopping · 1 of 4 made, 1 failed, 1 cancelled');
  setState({ language: 'zh' });
  expect(batchWords(batch)).toBe('已完成 1 / 4，失败 1，取消 1');
  setState({ language: 'en' });
});

it('says of a shot that it waits, and for which one while that is on its way', () => {
  expect(isWaitingInBatch(getState(), 'two')).toBe(false);
  batchTold(batchOf({ one: 'waiting', two: 'waiting', three: 'waiting' }));
  expect(['one', 'two', 'three'].map((id) => waitsForNumber(getState(), id))).toEqual([null, 1, null]);

  batchTold(batchOf({ one: 'completed', two: 'waiting', three: 'cancelled' }));
  expect(waitsForNumber(getState(), 'two')).toBeNull();
  expect(['one', 'two', 'three'].map((id) => isWaitingInBatch(getState(), id))).toEqual([false, true, false]);
});

it('names what failed until it is made, without the shots that are gone', () => {
  const failed = batchOf({ one: 'completed', two: 'failed', gone: 'failed' }, ended);
  expect(failedIn(batchOf({ one: 'failed', two: 'waiting' }), getState())).toEqual([]);
  expect(failedIn(failed, getState())).toEqual(['two']);
  const made = { ...idleVideo, status: 'completed', started_at: '2026-01-02T00:00:00.000Z' } as const;
  setState(({ byId }) => ({ byId: { ...byId, two: { ...byId.two!, video: made } } }));
  expect(failedIn(failed, getState())).toEqual([]);
});

describe('a shot that the newest batch did not start', () => {
  const reason = { code: 'PREVIOUS_CLIP_MISSING', message: '' } as const;
  const unsent = batchOf({ one: 'completed' }, ended);
  unsent.items.push({ workspace_id: 'two', attempt_id: null, state: 'failed', reason });
  const failure = () => failureOf(getState().byId.two!, undefined);
  const change = (more: Partial<Workspace>) =>
    setState(({ byId }) => ({ byId: { ...byId, two: { ...byId.two!, ...more } } }));
  beforeEach(() => setState({ batches: [unsent], putAway: new Set() }));

  it('has failed, and says why', () => {
    expect(failure()).toMatchObject({ ...reason, isUnsent: true });
  });

  it('says so no more once it is being made, was edited or put away, or after another batch', () => {
    change({ video: { ...idleVideo, status: 'generating', started_at: '2026-01-01T00:20:00.000Z' } });
    expect(failure()).toBeNull();
    change({ video: idleVideo, updated_at: '2026-01-01T00:20:00.000Z' });
    expect(failure()).toBeNull();
    change({ updated_at: unsent.created_at });
    putAwayUnsent('two');
    expect(failure()).toBeNull();
    setState({ batches: [batchOf({ one: 'completed' }, ended), unsent], putAway: new Set() });
    expect(failure()).toBeNull();
  });

  it('shows the charge that is still open instead', () => {
    change({ video: { ...idleVideo, status: 'failed', error: { code: 'TIMEOUT', message: '', charged: 'maybe' } } });
    expect(failure()).toMatchObject({ code: 'TIMEOUT' });
  });
});

it('reads the batches again at each connection, and keeps what was told since', async () => {
  const told = batchOf({ one: 'completed', two: 'waiting' });
  const old = batchOf({ one: 'generating', two: 'waiting' });
  const asked = jest.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({ batches: [old] }));
  setState({ isLoaded: false, state: 'offline' });
  watchBatches();
  setState({ isLoaded: true, state: 'saved' });
  batchTold(told);
  batchTold(batchOf({ three: 'waiting' }, { _id: 'c'.repeat(24), created_at: '2026-01-02T00:00:00.000Z' }));
  await jest.advanceTimersByTimeAsync(0);
  expect(batches()).toMatchObject([{ _id: 'c'.repeat(24) }, told]);
  setState({ state: 'offline' });
  setState({ state: 'saved' });
  expect(asked.mock.calls.map(([url]) => url)).toEqual(Array(2).fill(`/api/batches?film_id=${filmId}`));
  asked.mockRestore();
});
