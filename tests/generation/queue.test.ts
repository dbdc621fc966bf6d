import { config } from '../../src/config';
import { Workspace } from '../../src/db/workspace';
import { active, coolDown, type ActiveAttempt } from '../../src/generation/attempt';
import { acquireSlot, hasFreeSlot, release, wakeNext } from '../../src/generation/queue';
import { ago, listen, newAttempt, resultOf, storedOf, type Given } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(async () => {
  active.clear();
  await Workspace.deleteMany({});
});

const slots = config.VIDEO_MAX_CONCURRENT;
const slotCheckMs = 50;

/** An attempt that waits in this process, since so many milliseconds. */
async function waiting(sinceMs: number, given: Given = {}): Promise<ActiveAttempt> {
  const attempt = await newAttempt({ ...given, job: { intent_at: ago(sinceMs), ...given.job } });
  active.set(attempt.job.attempt_id, attempt);
  return attempt;
}

async function fill(count: number, given: Given = { state: 'polling' }): Promise<void> {
  for (let index = 0; index < count; index++) await newAttempt(given);
}

describe('a slot', () => {
  const inDoubtNewer = { job: null } as const;
  test.each([
    ['one that is being sent', false, { state: 'submitting' }],
    ['one that runs', false, { state: 'polling' }],
    ['one that runs in the trash', false, { state: 'polling', workspace: { deleted_at: new Date() } }],
    ['one that runs and was superseded', false, { state: 'polling', isSuperseded: true, workspace: inDoubtNewer }],
    ['one that runs and was cancelled', false, { state: 'polling', isCancelled: true }],
    ['one that waits', true, { state: 'queued' }],
    ['one that is downloaded', true, { state: 'downloading' }],
    ['one that timed out', true, { state: 'timed_out' }],
    ['one in doubt', true, { state: 'in_doubt' }],
    ['one that costs nothing', true, { state: 'polling', provider: 'local' }],
  ] as [string, boolean, Given][])('a slot is left beside %s: %s', async (_, expected, given) => {
    await fill(slots - 1);
    expect(await hasFreeSlot('runway')).toBe(true);
    await newAttempt(given);
    expect(await hasFreeSlot('runway')).toBe(expected);
  });

  test('a slot is left for what costs nothing, however much that is charged runs', async () => {
    await fill(slots);
    expect(await hasFreeSlot('local')).toBe(true);
    await fill(slots, { state: 'polling', provider: 'local' });
    expect(await hasFreeSlot('local')).toBe(false);
  });

  test('a slot is counted from the moment that it is given', async () => {
    await fill(slots - 1);
    const attempt = await waiting(1000);
    attempt.hasSlot = true;
    expect(await hasFreeSlot('runway')).toBe(false);
  });
});

describe('attempts that wait', () => {
  test('of those that wait, the oldest has the slot, and the next is woken', async () => {
    const [younger, older] = [await waiting(1000), await waiting(2000)];
    expect(await acquireSlot(younger)).toBe(30_000);
    expect(older.wake.signal.aborted).toBe(true);
    expect(await acquireSlot(older)).toBe(0);
    expect([older.hasSlot, younger.hasSlot]).toEqual([true, false]);
    expect(younger.wake.signal.aborted).toBe(true);
  });

  test('of those that wait, the oldest looks again and again while no slot is free', async () => {
    await fill(slots);
    const attempt = await waiting(1000);
    const told = listen(attempt);
    expect(await acquireSlot(attempt)).toBe(slotCheckMs);
    expect(attempt.hasSlot).toBe(false);
    expect(await attempt.firstOutcome.promise).toBe('waiting');
    expect(told).toEqual([]);
  });

  test('of those that wait, each says so once', async () => {
    await fill(slots);
    const attempt = await waiting(1000);
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'video.phase': 'submitting' });
    attempt.video.phase = 'submitting';
    const told = listen(attempt);
    for (let turn = 0; turn < 3; turn++) await acquireSlot(attempt);
    expect(told).toEqual(['mine generating queued']);
    expect((await storedOf(attempt)).version).toBe(2);
    expect(await resultOf(attempt)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
  });

  test('of those that wait, two have one slot between them', async () => {
    await fill(slots - 1);
    const both = [await waiting(2000), await waiting(1000)];
    await Promise.all(both.map(acquireSlot));
    expect(both.map(({ hasSlot }) => hasSlot)).toEqual([true, false]);
  });

  test('of those that wait, one whose provider takes no creates now lets the next go first', async () => {
    const closed = await waiting(2000, { provider: 'closed-now' });
    const open = await waiting(1000, { provider: 'open' });
    coolDown('closed-now', 'creates', 5000);
    const waitMs = await acquireSlot(closed);
    expect(waitMs).toBeGreaterThan(4000);
    expect(waitMs).toBeLessThanOrEqual(5000);
    expect(await acquireSlot(open)).toBe(0);
  });

  test('of those that wait, one that costs nothing waits for none that is charged', async () => {
    await fill(slots);
    const charged = await waiting(2000);
    const free = await waiting(1000, { provider: 'local' });
    expect(await acquireSlot(free)).toBe(0);
    expect(await acquireSlot(charged)).toBe(slotCheckMs);
  });
});

describe('an attempt that is let go', () => {
  test('an attempt that is let go leaves its place to the next, and keeps nobody waiting', async () => {
    const [older, younger] = [await waiting(2000), await waiting(1000)];
    release(older);
    expect([...active.values()]).toEqual([younger]);
    expect(older.stop.signal.aborted).toBe(true);
    expect(younger.wake.signal.aborted).toBe(true);
    expect(await older.firstOutcome.promise).toBe('ended');
    await older.cancelTried.promise;
    expect(await resultOf(older)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
  });

  test('an attempt that is let go does not take its later follower along', async () => {
    const before = await waiting(1000);
    const after = { ...before, stop: new AbortController() };
    active.set(before.job.attempt_id, after);
    release(before);
    expect([...active.values()]).toEqual([after]);
    expect(after.stop.signal.aborted).toBe(false);
  });
});

test('nobody is woken where nobody waits', async () => {
  const attempt = await waiting(1000, { state: 'polling' });
  wakeNext('runway');
  expect(attempt.wake.signal.aborted).toBe(false);
});
