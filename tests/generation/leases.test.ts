import type { JobState } from '../../src/db/job';
import { Workspace } from '../../src/db/workspace';
import { claimLeases, findStale, staleAfterMs, leaseMs, releaseLeases } from '../../src/generation/leases';
import { ago, jobOf, newAttempt, type Attempted, type Given } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';
import { processId } from '../../src/utils/process-id';

useDatabase();
afterEach(() => Workspace.deleteMany({}));

const [here] = processId.split(':');
const owners = {
  'this process': processId,
  'a process elsewhere': 'elsewhere:1:a',
  'a process of this machine that runs': `${here}:${process.ppid}:a`,
  'a process of this machine that is gone': `${here}:99999999:a`,
  'an earlier process of the same number': `${here}:${process.pid}:a`,
};
type Owner = keyof typeof owners;
const soon = () => ago(-1000);
const over = () => ago(1000);

const heldBy = (owner: Owner, until: Date): Given => ({ job: { lease: { owner: owners[owner], until, epoch: 7 } } });
const idsOf = (attempts: Attempted[]) => attempts.map(({ job }) => job.attempt_id);

describe.each([
  ['in its place', {}],
  ['superseded', { isSuperseded: true }],
])('the lease of an attempt %s', (situation, place) => {
  test.each([
    // held by                                 until        whose then        epoch
    ['this process', 'soon', 'this process', 7],
    ['this process', 'over', 'this process', 7],
    ['a process elsewhere', 'soon', 'a process elsewhere', 7],
    ['a process elsewhere', 'over', 'this process', 8],
    ['a process of this machine that runs', 'soon', 'a process of this machine that runs', 7],
    ['a process of this machine that runs', 'over', 'this process', 8],
    ['a process of this machine that is gone', 'soon', 'this process', 8],
    ['an earlier process of the same number', 'soon', 'this process', 8],
  ] as const)(
    `the lease of %s, %s, is then that of %s with epoch %i: ${situation}`,
    async (owner, until, then, epoch) => {
      const ends = until === 'soon' ? soon() : over();
      const attempt = await newAttempt({ state: 'polling', ...place, ...heldBy(owner, ends) });
      const mine = await claimLeases();
      const { lease } = (await jobOf(attempt))!;
      expect(lease).toMatchObject({ owner: owners[then], epoch });
      const isOurs = then === 'this process';
      expect(idsOf(mine).includes(attempt.job.attempt_id)).toBe(isOurs);
      if (isOurs) expect(lease.until.getTime()).toBeGreaterThan(Date.now() + leaseMs - 2000);
      else expect(lease.until).toEqual(ends);
    },
  );

  test.each([
    ['queued', true],
    ['submitting', true],
    ['polling', true],
    ['downloading', true],
    ['timed_out', true],
    ['download_failed', true],
    ['in_doubt', false],
  ] as [JobState, boolean][])(`an attempt is claimed where it is %s: %s, ${situation}`, async (state, isClaimed) => {
    const attempt = await newAttempt({ state, ...place, ...heldBy('a process elsewhere', over()) });
    expect(idsOf(await claimLeases()).includes(attempt.job.attempt_id)).toBe(isClaimed);
    expect((await jobOf(attempt))!.lease.epoch).toBe(isClaimed ? 8 : 7);
  });

  test(`an attempt is claimed in the trash too, where what is paid is followed to its end: ${situation}`, async () => {
    const workspace = { deleted_at: new Date() };
    const attempt = await newAttempt({
      state: 'polling',
      ...place,
      workspace,
      ...heldBy('a process elsewhere', over()),
    });
    expect(idsOf(await claimLeases())).toContain(attempt.job.attempt_id);
  });

  test(`an attempt is left alone by the second claim of the same: ${situation}`, async () => {
    const attempt = await newAttempt({ state: 'polling', ...place, ...heldBy('a process elsewhere', over()) });
    await claimLeases();
    await claimLeases();
    expect((await jobOf(attempt))!.lease).toMatchObject({ owner: processId, epoch: 8 });
  });

  test(`an attempt is let go, so that another process takes it at once: ${situation}`, async () => {
    const attempt = await newAttempt({ state: 'polling', ...place });
    const other = await newAttempt({ state: 'polling', ...place, ...heldBy('a process elsewhere', soon()) });
    await releaseLeases();
    expect((await jobOf(attempt))!.lease.until.getTime()).toBeLessThanOrEqual(Date.now());
    expect((await jobOf(other))!.lease.until.getTime()).toBeGreaterThan(Date.now());
  });
});

test('an attempt is claimed as it lies: its workspace, its video, and whether it is superseded', async () => {
  const attempt = await newAttempt({ state: 'polling', isSuperseded: true });
  const mine = await claimLeases();
  expect(mine).toHaveLength(2);
  const found = mine.find(({ job }) => job.attempt_id === attempt.job.attempt_id)!;
  expect(found).toMatchObject({ workspaceId: attempt.workspaceId, isSuperseded: true, video: attempt.video });
});

test('an attempt in doubt and its superseded neighbour: only what is active is claimed', async () => {
  const attempt = await newAttempt({ state: 'in_doubt', isSuperseded: true, ...heldBy('a process elsewhere', over()) });
  const mine = await claimLeases();
  expect(idsOf(mine)).not.toContain(attempt.job.attempt_id);
  expect(mine).toHaveLength(1);
});

describe('an attempt that nobody has held for long', () => {
  const longAgo = heldBy('a process elsewhere', ago(staleAfterMs + 1000));

  test.each([
    ['was not sent', true, { ...longAgo }],
    ['was not sent and costs nothing', false, { ...longAgo, provider: 'local' }],
    ['was sent', false, { ...longAgo, state: 'submitting' }],
    ['runs', false, { ...longAgo, state: 'polling' }],
    ['was held a moment ago', false, heldBy('a process elsewhere', over())],
  ] as [string, boolean, Given][])(
    'an attempt that nobody has held for long and %s is forgotten: %s',
    async (_, expected, given) => {
      const attempt = await newAttempt(given);
      expect(idsOf(await findStale()).includes(attempt.job.attempt_id)).toBe(expected);
    },
  );
});
