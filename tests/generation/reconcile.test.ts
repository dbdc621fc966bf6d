import { config } from '../../src/config';
import { recordCharge } from '../../src/costs/ledger';
import { journalTask, readAccepted } from '../../src/generation/journal';
import { reconcile } from '../../src/generation/reconcile';
import type { Submitted } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  jobOf,
  newAttempt,
  nextIn,
  rejectionOf,
  resultOf,
  situations,
  type FakeProvider,
  type Given,
} from '../helpers/attempts';
import { chargeOf, reserved } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();

const accepted: Submitted = { state: 'accepted', taskId: 'task-new' };
const noAnswer = new AppError('PROVIDER_TIMEOUT', 'no answer');
const minuteMs = 60_000;
const sentAgo = (ms: number): Given => ({ job: { sent_at: ago(ms), submit_attempts: 1 } });

/** The answer to a create of this attempt was lost; reconciled so often, or until it has come to an end. */
async function reconciled(provider: FakeProvider, given: Given = {}, times = 20) {
  const attempt = await newAttempt({ provider: provider.name, state: 'submitting', ...given });
  let waitMs: number | null = 0;
  let turns = 0;
  while (turns < times && waitMs !== null && attempt.job.state === 'submitting') {
    waitMs = await reconcile(attempt, provider);
    turns++;
  }
  return { attempt, turns, waitMs, result: await resultOf(attempt) };
}

describe('an attempt that is noted in the journal', () => {
  test.each([
    ['plain', 'none', 'polling', 'mine generating queued'],
    ['plain', 'key', 'polling', 'mine generating queued'],
    ['plain', 'lookup', 'polling', 'mine generating queued'],
    ['cancelled', 'none', 'polling', 'mine failed CANCELLED maybe'],
    ['superseded', 'none', 'superseded polling', 'newer generating queued'],
    ['cancelled, superseded', 'none', 'superseded polling', 'newer generating queued'],
  ] as const)(
    'an attempt that is noted in the journal is followed and nobody is asked (%s, by %s): %s, %s',
    async (situation, deduplication, job, video) => {
      const provider = fakeProvider({ deduplication, lookup: null });
      const attempt = await newAttempt({ provider: provider.name, state: 'submitting', ...situations[situation] });
      const { attempt_id } = attempt.job;
      await journalTask({ workspace_id: attempt.workspaceId, attempt_id, task_id: 'task-noted' });
      const isCancelled = attempt.job.cancelled_at !== null;
      expect(nextIn(await reconcile(attempt, provider))).toBe(isCancelled ? 'at once' : 'later');
      expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
      expect(await jobOf(attempt)).toMatchObject({ task_id: 'task-noted' });
      expect(provider.calls).toMatchObject({ submit: 0, lookup: 0 });
      expect(await readAccepted(attempt_id)).toBeNull();
    },
  );
});

describe('a provider that does not recognise a repetition', () => {
  test.each([
    ['plain', 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe'],
    ['cancelled', 'in_doubt', 'mine failed CANCELLED maybe'],
    ['superseded', 'superseded in_doubt', 'newer generating queued'],
  ] as const)(
    'a provider that does not recognise a repetition is not asked, and nobody knows (%s): %s, %s',
    async (situation, job, video) => {
      const { result, turns } = await reconciled(fakeProvider(), situations[situation]);
      expect(result).toEqual({ job, video, takes: [] });
      expect(turns).toBe(1);
    },
  );
});

describe('a create of which it was recorded that it costs nothing, before its process ended', () => {
  async function recorded(given: Given = {}) {
    const provider = fakeProvider();
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting', ...given });
    await reserved(1, { attempt_id: attempt.job.attempt_id, provider: provider.name });
    await recordCharge(attempt.job, { state: 'none' });
    expect(await reconcile(attempt, provider)).toBeNull();
    return { result: await resultOf(attempt), charge: await chargeOf(attempt.job.attempt_id) };
  }

  test.each([
    ['plain', 'mine failed TASK_FAILED no'],
    ['cancelled', 'mine failed CANCELLED no'],
    ['superseded', 'newer generating queued'],
  ] as const)('a create that was refused has not become unclear after a kill (%s): %s', async (situation, video) => {
    const { result, charge } = await recorded(situations[situation]);
    expect(result).toEqual({ job: 'ended', video, takes: [] });
    expect(charge.state).toBe('none');
  });

  test('an attempt that was sent twice stays in doubt, since only one of its creates was refused', async () => {
    const { result } = await recorded({ job: { submit_attempts: 2 } });
    expect(result).toMatchObject({ job: 'in_doubt', video: 'mine failed SUBMIT_UNKNOWN maybe' });
  });
});

describe('a provider that recognises a key', () => {
  const byKey = (submit: Submitted | Error) => fakeProvider({ deduplication: 'key', submit, prepare: 'anew' });

  test.each([
    ['plain', 'polling', 'mine generating queued'],
    ['cancelled', 'polling', 'mine failed CANCELLED maybe'],
    ['superseded', 'superseded polling', 'newer generating queued'],
  ] as const)(
    'a provider that recognises a key is sent the same again after a pause (%s): %s, %s',
    async (situation, job, video) => {
      const provider = byKey(accepted);
      const { attempt, result, turns } = await reconciled(provider, situations[situation]);
      expect(result).toEqual({ job, video, takes: [] });
      expect(turns).toBe(2);
      expect(provider.sent).toMatchObject({ attempt_id: attempt.job.attempt_id });
    },
  );

  test('a provider that recognises a key is sent five creates at most, with longer and longer pauses', async () => {
    const provider = byKey(noAnswer);
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting' });
    const pauses: number[] = [];
    for (let waitMs: number | null = 0; waitMs !== null; waitMs = await reconcile(attempt, provider))
      if (waitMs > 0) pauses.push(waitMs);
    expect(provider.calls.submit).toBe(4);
    expect(pauses).toHaveLength(4);
    expect(pauses[3]).toBeGreaterThan(4 * pauses[0]!);
    expect(await resultOf(attempt)).toMatchObject({ job: 'in_doubt', video: 'mine failed SUBMIT_UNKNOWN maybe' });
  });

  test('a provider that recognises a key is sent nothing that is older than a quarter of an hour, as from a backup', async () => {
    const provider = byKey(accepted);
    const { result } = await reconciled(provider, sentAgo(16 * minuteMs));
    expect(provider.calls.submit).toBe(0);
    expect(result).toMatchObject({ job: 'in_doubt' });
  });
});

describe('a provider that looks an attempt up', () => {
  const byLookup = (lookup: string | null | Error | (string | null | Error)[], submit: Submitted | Error = accepted) =>
    fakeProvider({ deduplication: 'lookup', lookup, submit });

  test.each([
    ['plain', 'polling', 'mine generating queued'],
    ['cancelled', 'polling', 'mine failed CANCELLED maybe'],
    ['superseded', 'superseded polling', 'newer generating queued'],
  ] as const)(
    'a provider that looks an attempt up finds it, and nothing is sent (%s): %s, %s',
    async (situation, job, video) => {
      const provider = byLookup('task-found');
      const { attempt, result } = await reconciled(provider, situations[situation]);
      expect(result).toEqual({ job, video, takes: [] });
      expect(await jobOf(attempt)).toMatchObject({ task_id: 'task-found' });
      expect(provider.calls).toMatchObject({ lookup: 1, submit: 0 });
    },
  );

  test('a provider that looks an attempt up finds it at the third time', async () => {
    const provider = byLookup([null, null, 'task-found']);
    const { result, turns } = await reconciled(provider);
    expect(result).toMatchObject({ job: 'polling' });
    expect(turns).toBe(3);
    expect(provider.calls.submit).toBe(0);
  });

  test('a provider that looks an attempt up has none three times, and is sent the create again', async () => {
    const provider = byLookup(null);
    const { attempt, result, turns } = await reconciled(provider);
    expect(turns).toBe(3);
    expect(provider.calls).toMatchObject({ lookup: 3, submit: 1 });
    expect(result).toMatchObject({ job: 'polling' });
    expect(await jobOf(attempt)).toMatchObject({ submit_attempts: 2 });
  });

  test.each([
    ['a cancelled one', { isCancelled: true }, 'in_doubt', 'mine failed CANCELLED maybe'],
    [
      'a cancelled and superseded one',
      situations['cancelled, superseded'],
      'superseded in_doubt',
      'newer generating queued',
    ],
    ['one from a backup', sentAgo(16 * minuteMs), 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe'],
  ] as [string, Given, string, string][])(
    'a provider that looks an attempt up has none three times, and %s is not sent again',
    async (_, given, job, video) => {
      const provider = byLookup(null);
      const { result } = await reconciled(provider, given);
      expect(provider.calls).toMatchObject({ lookup: 3, submit: 0 });
      expect(result).toEqual({ job, video, takes: [] });
    },
  );

  test('a provider that looks an attempt up is sent five creates at most, each after three lookups', async () => {
    const provider = byLookup(null, noAnswer);
    const { result } = await reconciled(provider, {}, 99);
    expect(provider.calls).toMatchObject({ lookup: 15, submit: 4 });
    expect(result).toMatchObject({ job: 'in_doubt' });
  });

  test.each([
    [
      'in doubt where its bad input may mean that the first is there',
      'INVALID_INPUT',
      'in_doubt',
      'SUBMIT_UNKNOWN maybe',
    ],
    ['ended where its moderation refuses the same again', 'CONTENT_REFUSED', 'ended', 'CONTENT_REFUSED no'],
  ] as const)('a provider that looks an attempt up refuses the second create: %s', async (_, code, job, video) => {
    const { result } = await reconciled(byLookup(null, { state: 'refused', code, reason: 'already exists' }));
    expect(result).toMatchObject({ job, video: `mine failed ${video}` });
  });

  test.each([
    ['superseded', 'superseded in_doubt', 'newer generating queued'],
    ['in the trash', 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe'],
  ])(
    'a provider that looks an attempt up has none three times, and one that is %s is not sent again',
    async (where, job, video) => {
      const provider = byLookup(null);
      const given = where === 'superseded' ? situations.superseded : { workspace: { deleted_at: new Date() } };
      const { result } = await reconciled(provider, given);
      expect(provider.calls).toMatchObject({ lookup: 3, submit: 0 });
      expect(result).toEqual({ job, video, takes: [] });
    },
  );

  test('a provider that looks an attempt up is asked on and on while it is away', async () => {
    const provider = byLookup(new AppError('PROVIDER_FAILED', 'away'));
    const { result, waitMs } = await reconciled(provider, {}, 6);
    expect(provider.calls).toMatchObject({ lookup: 6, submit: 0 });
    expect(waitMs).toBe(4 * config.VIDEO_POLL_INTERVAL_MS);
    expect(result).toMatchObject({ job: 'submitting', video: 'mine generating submitting' });
  });

  test('a provider that looks an attempt up is asked no more when it is away for long', async () => {
    const provider = byLookup(new AppError('PROVIDER_FAILED', 'away'));
    const { result, turns } = await reconciled(provider, sentAgo(16 * minuteMs));
    expect(turns).toBe(1);
    expect(result).toMatchObject({ job: 'in_doubt' });
  });

  test('a provider that looks an attempt up is not waited for at a stop', async () => {
    const stopped = new Error('stopped');
    const provider = byLookup(stopped);
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting' });
    attempt.stop.abort();
    expect(await rejectionOf(reconcile(attempt, provider))).toBe(stopped);
    expect(await resultOf(attempt)).toMatchObject({ job: 'submitting' });
  });
});

test.each([
  ['is waited for as long as a generation may take', config.VIDEO_TIMEOUT_MS - minuteMs, 30_000, 'submitting'],
  ['leaves nobody who knows after that', config.VIDEO_TIMEOUT_MS + minuteMs, null, 'in_doubt'],
])('a provider that cannot be used now %s', async (_, sentMs, waitMs, job) => {
  const attempt = await newAttempt({ state: 'submitting', ...sentAgo(sentMs) });
  expect(await reconcile(attempt, null)).toBe(waitMs);
  expect(await resultOf(attempt)).toMatchObject({ job });
});
