import { AppError } from '../../src/utils/errors';
import { config } from '../../src/config';
import { takeBack } from '../../src/costs/reserve';
import { Workspace } from '../../src/db/workspace';
import { active, cooldownLeftMs, LeaseLost } from '../../src/generation/attempt';
import { cancelVideo, dropUnsentJob } from '../../src/generation/cancel';
import { readAccepted } from '../../src/generation/journal';
import { markInDoubt } from '../../src/generation/ends';
import { onAccepted, storeAndUnjournal } from '../../src/generation/accept';
import { makeUploadFolders } from '../../src/media/uploads';
import { adoptVideo } from '../../src/media/videos';
import { send, submit, submitsInFlight } from '../../src/generation/submit';
import type { Submitted } from '../../src/services/provider';
import {
  clickAnew,
  fakeProvider,
  finishedTask,
  jobOf,
  newAttempt,
  nextIn,
  resultOf,
  type Attempted,
  type Given,
} from '../helpers/attempts';
import { afterRead, afterWrite } from '../helpers/driver-faults';
import { chargeOf, forgetCosts, reserved } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
});
afterEach(async () => {
  active.clear();
  await Promise.all([Workspace.deleteMany({}), forgetCosts()]);
});

type Answer = Submitted | Error;

const answers = {
  accepted: { state: 'accepted', taskId: 'task-new' },
  refused: { state: 'refused', code: 'CONTENT_REFUSED', reason: 'a face' },
  'refused and charged': { state: 'refused', code: 'CONTENT_REFUSED', reason: 'a face', charged: 'yes' },
  'not accepted': { state: 'not_accepted', code: 'PROVIDER_RATE_LIMITED', reason: '429', retryAfterMs: 9000 },
  'nothing sent': new AppError('PROVIDER_FAILED', 'refused', { unsent: true }),
  unknown: new AppError('PROVIDER_TIMEOUT', 'no answer'),
  'not a reply': new SyntaxError('not JSON'),
} satisfies Record<string, Answer>;
type Answered = keyof typeof answers;

/** What the user does while the create is out. */
const meanwhile = {
  'does nothing': async () => undefined,
  cancels: ({ workspaceId }: Attempted) => cancelVideo(workspaceId),
  'cancels and clicks anew': async ({ workspaceId }: Attempted) => {
    await cancelVideo(workspaceId);
    await clickAnew(workspaceId);
  },
  'deletes the workspace': ({ workspaceId }: Attempted) =>
    Workspace.updateOne({ _id: workspaceId }, { deleted_at: new Date() }),
};
type Doing = keyof typeof meanwhile;

const answered = (name: Answered, doing: Doing, attempt: Attempted) =>
  async function answer(): Promise<Submitted> {
    await meanwhile[doing](attempt);
    const given: Answer = answers[name];
    if (given instanceof Error) throw given;
    return given;
  };

/** A create that is answered so while the user does that. */
async function create(name: Answered, doing: Doing, given: Given = {}) {
  const provider = fakeProvider({ submit: () => answer() });
  const attempt = await newAttempt({ provider: provider.name, ...given });
  const answer = answered(name, doing, attempt);
  const waitMs = await submit(attempt, provider);
  return { attempt, provider, waitMs };
}

describe('one create', () => {
  const queued = 'mine generating queued';
  const cancelled = 'mine failed CANCELLED';
  const newer = 'newer generating queued';

  test.each([
    // answer              while the user            then       the attempt              the video
    ['accepted', 'does nothing', 'later', 'polling', queued],
    ['accepted', 'cancels', 'at once', 'polling', `${cancelled} maybe`],
    ['accepted', 'cancels and clicks anew', 'at once', 'superseded polling', newer],
    ['accepted', 'deletes the workspace', 'later', 'polling', queued],
    ['refused', 'does nothing', 'end', 'ended', 'mine failed CONTENT_REFUSED no'],
    ['refused', 'cancels', 'end', 'ended', `${cancelled} no`],
    ['refused', 'cancels and clicks anew', 'end', 'ended', newer],
    ['refused and charged', 'does nothing', 'end', 'ended', 'mine failed CONTENT_REFUSED yes'],
    ['refused and charged', 'cancels', 'end', 'ended', `${cancelled} yes`],
    ['not accepted', 'does nothing', 'later', 'queued', queued],
    ['not accepted', 'cancels', 'at once', 'queued', `${cancelled} maybe`],
    ['not accepted', 'cancels and clicks anew', 'at once', 'superseded queued', newer],
    ['nothing sent', 'does nothing', 'later', 'queued', queued],
    ['nothing sent', 'cancels', 'at once', 'queued', `${cancelled} maybe`],
    ['nothing sent', 'cancels and clicks anew', 'at once', 'superseded queued', newer],
    ['unknown', 'does nothing', 'at once', 'submitting', 'mine generating submitting'],
    ['unknown', 'cancels', 'at once', 'submitting', `${cancelled} maybe`],
    ['unknown', 'cancels and clicks anew', 'at once', 'superseded submitting', newer],
    ['not a reply', 'does nothing', 'at once', 'submitting', 'mine generating submitting'],
  ] as const)(
    'one create is answered with %s, while the user %s: %s, %s, %s',
    async (name, doing, next, job, video) => {
      const { attempt, provider, waitMs } = await create(name, doing);
      expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
      expect(nextIn(waitMs)).toBe(next);
      expect(provider.calls.submit).toBe(1);
      expect(await readAccepted(attempt.job.attempt_id)).toBeNull();
      expect(submitsInFlight.size).toBe(0);
      expect(attempt).toMatchObject({ hasSlot: false, isSending: false });
    },
  );

  test('one create stores the task id, when it was accepted, and under which lease', async () => {
    const { attempt } = await create('accepted', 'does nothing');
    const job = await jobOf(attempt);
    expect(job).toMatchObject({ task_id: 'task-new', submit_attempts: 1, lease: { epoch: 2 } });
    expect(Date.now() - job!.accepted_at!.getTime()).toBeLessThan(5000);
    expect(await attempt.firstOutcome.promise).toBe('accepted');
  });

  test('one create carries what was frozen at the click', async () => {
    const { attempt, provider } = await create('accepted', 'does nothing');
    const { attempt_id, model, form_data } = attempt.job;
    expect(provider.sent).toMatchObject({ attempt_id, model, form_data });
  });
});

describe('a create before it leaves', () => {
  const notSent = { submit: answers.accepted } as const;

  test('a provider that is not configured any more ends the attempt unpaid', async () => {
    const attempt = await newAttempt();
    expect(await submit(attempt, null)).toBeNull();
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed PROVIDER_NOT_CONFIGURED no' });
  });

  test.each([
    ['cancelled', ({ workspaceId }: Attempted) => cancelVideo(workspaceId)],
    ['deleted', meanwhile['deletes the workspace']],
  ])('an attempt that is %s while the intent is stored is not sent', async (_, act) => {
    const attempt = await newAttempt();
    const provider = fakeProvider(notSent);
    afterWrite(
      (set) => set['job.state'] === 'submitting',
      () => act(attempt),
    );
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed CANCELLED no' });
  });

  const deleted = async ({ workspaceId }: Attempted) => {
    await meanwhile['deletes the workspace']({ workspaceId } as Attempted);
    await dropUnsentJob(workspaceId);
  };
  const repeats = { deduplication: 'key', submit: answers.accepted } as const;
  const looksUp = { deduplication: 'lookup', submit: answers.accepted } as const;
  const cancelledUnsent = { job: 'ended', video: 'mine failed CANCELLED no' };
  const inDoubtNow = { job: 'in_doubt', video: 'mine failed SUBMIT_UNKNOWN maybe' };
  test.each([
    ['first', 'cancelled', notSent, ({ workspaceId }: Attempted) => cancelVideo(workspaceId), cancelledUnsent],
    ['first', 'deleted', notSent, deleted, cancelledUnsent],
    ['repeated', 'deleted', repeats, deleted, { job: 'submitting', video: 'mine generating submitting' }],
    ['repeated', 'deleted', looksUp, deleted, inDoubtNow],
    [
      'repeated',
      'cancelled',
      looksUp,
      ({ workspaceId }: Attempted) => cancelVideo(workspaceId),
      { job: 'in_doubt', video: 'mine failed CANCELLED maybe' },
    ],
  ] as const)(
    'an attempt that is %s and %s while it is asked whether it is wanted is not sent',
    async (which, _, fake, act, result) => {
      const provider = fakeProvider(fake);
      const attempt = await newAttempt({ provider: provider.name, state: which === 'first' ? 'queued' : 'submitting' });
      active.set(attempt.job.attempt_id, attempt);
      afterWrite(
        (set) => set['job.state'] === 'submitting',
        () => afterRead(() => act(attempt)),
      );
      expect(nextIn(await send(attempt, provider))).toBe(result.job === 'submitting' ? 'later' : 'end');
      expect(provider.calls.submit).toBe(0);
      expect(await resultOf(attempt)).toMatchObject(result);
    },
  );

  test('a repetition after lookups is not sent for a workspace in the trash', async () => {
    const provider = fakeProvider(looksUp);
    const inTrash = { deleted_at: new Date() };
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting', workspace: inTrash });
    expect(await send(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject(inDoubtNow);
  });

  test('a repetition by key waits for a workspace in the trash, and is sent when that comes back', async () => {
    const provider = fakeProvider(repeats);
    const inTrash = { deleted_at: new Date() };
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting', workspace: inTrash });
    await reserved(0.6, { attempt_id: attempt.job.attempt_id, workspace_id: attempt.workspaceId });
    expect(nextIn(await send(attempt, provider))).toBe('later');
    expect(await chargeOf(attempt.job.attempt_id)).toMatchObject({ state: 'maybe' });
    expect(await jobOf(attempt)).toMatchObject({ state: 'submitting', submit_attempts: 1 });
    expect(provider.calls.submit).toBe(0);
    await Workspace.updateOne({ _id: attempt.workspaceId }, { deleted_at: null });
    await send(attempt, provider);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
    expect(await chargeOf(attempt.job.attempt_id)).toMatchObject({ state: 'reserved' });
  });

  test('an attempt whose reservation was taken back while its process stood still is not sent', async () => {
    const provider = fakeProvider({ submit: answers.accepted });
    const attempt = await newAttempt({ provider: provider.name });
    await reserved(0.6, { attempt_id: attempt.job.attempt_id, workspace_id: attempt.workspaceId });
    await takeBack(attempt.job.attempt_id);
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed BUSY no' });
  });

  test.each([
    ['cancelled', ({ workspaceId }: Attempted) => cancelVideo(workspaceId)],
    ['deleted', deleted],
  ])('an attempt that is %s while its connection is being opened is given up, and closes no gate', async (_, act) => {
    const provider = fakeProvider(notSent);
    provider.submit = async (__, signal) => {
      const givenUp = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await act(attempt);
      await givenUp;
      throw new AppError('PROVIDER_TIMEOUT', 'given up', { unsent: true });
    };
    const attempt = await newAttempt({ provider: provider.name });
    active.set(attempt.job.attempt_id, attempt);
    expect(await send(attempt, provider)).toBeNull();
    expect(await resultOf(attempt)).toMatchObject(cancelledUnsent);
    expect(cooldownLeftMs(provider.name, 'creates')).toBe(0);
  });

  test('an attempt whose clip is here already, as after a restore, is not sent', async () => {
    const provider = fakeProvider(notSent);
    const attempt = await newAttempt({ provider: provider.name });
    await adoptVideo({ file: ((await finishedTask()) as { file: string }).file, attemptId: attempt.job.attempt_id });
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
  });

  test('a repetition by key is sent for a cancelled attempt, since its fate is learned so', async () => {
    const provider = fakeProvider(repeats);
    const attempt = await newAttempt({ provider: provider.name, state: 'submitting', isCancelled: true });
    await send(attempt, provider);
    expect(provider.calls.submit).toBe(1);
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
  });

  test('an attempt that found the last slot taken by another process waits again', async () => {
    const provider = fakeProvider(notSent);
    const attempt = await newAttempt({ provider: provider.name });
    afterWrite(
      (set) => set['job.state'] === 'submitting',
      async () => {
        for (let index = 0; index < config.VIDEO_MAX_CONCURRENT; index++) await newAttempt({ state: 'polling' });
      },
    );
    expect(nextIn(await submit(attempt, provider))).toBe('later');
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
    expect(await attempt.firstOutcome.promise).toBe('waiting');
  });

  test.each([
    ['cancelled', ({ workspaceId }: Attempted) => cancelVideo(workspaceId), LeaseLost],
    ['deleted', meanwhile['deletes the workspace'], null],
  ])('an attempt that is %s while it is prepared is not sent', async (_, act, thrown) => {
    const attempt = await newAttempt();
    const provider = fakeProvider({ ...notSent, prepare: () => act(attempt) });
    const submitting = submit(attempt, provider);
    await (thrown ? expect(submitting).rejects.toThrow(thrown) : submitting);
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed CANCELLED no' });
  });

  test('a stop while an attempt is prepared leaves it as it is', async () => {
    const attempt = await newAttempt();
    const provider = fakeProvider({ ...notSent, prepare: () => attempt.stop.abort() });
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await jobOf(attempt)).toMatchObject({ state: 'queued', sent_at: null, submit_attempts: 0 });
  });

  test('a stop while the intent is stored puts the attempt back into the queue', async () => {
    const attempt = await newAttempt();
    const provider = fakeProvider(notSent);
    afterWrite(
      (set) => set['job.state'] === 'submitting',
      () => attempt.stop.abort(),
    );
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await jobOf(attempt)).toMatchObject({ state: 'queued', sent_at: null, submit_attempts: 0 });
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine generating queued' });
  });

  test.each([
    ['a lost network', new AppError('PROVIDER_FAILED', 'away'), 'later', 'queued', 'mine generating queued'],
    ['a limit', new AppError('PROVIDER_RATE_LIMITED', '429'), 'later', 'queued', 'mine generating queued'],
    ['a bad reply', new AppError('PROVIDER_BAD_REPLY', '?'), 'later', 'queued', 'mine generating queued'],
    ['a refused key', new AppError('PROVIDER_AUTH', '401'), 'end', 'ended', 'mine failed PROVIDER_AUTH no'],
    ['a picture that is gone', new AppError('IMAGE_MISSING', '?'), 'end', 'ended', 'mine failed IMAGE_MISSING no'],
    ['a fault of ours', new TypeError('?'), 'end', 'ended', 'mine failed IMAGE_UNREADABLE no'],
  ])('%s while an attempt is prepared costs nothing', async (_, error, next, job, video) => {
    const attempt = await newAttempt();
    const provider = fakeProvider({ ...notSent, prepare: error });
    expect(nextIn(await submit(attempt, provider))).toBe(next);
    expect(await resultOf(attempt)).toMatchObject({ job, video });
    expect(provider.calls.submit).toBe(0);
  });

  test('what was prepared is stored with the intent, and sent', async () => {
    const attempt = await newAttempt();
    const provider = fakeProvider({ submit: answers.unknown, prepare: { upload: 'u1' } });
    await submit(attempt, provider);
    expect(await jobOf(attempt)).toMatchObject({ prepared: '{"upload":"u1"}', submit_attempts: 1 });
    expect(provider.sent!.prepared).toEqual({ upload: 'u1' });
  });

  test('an attempt that another process has taken is not sent', async () => {
    const attempt = await newAttempt();
    const provider = fakeProvider(notSent);
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease.epoch': 2 });
    await expect(submit(attempt, provider)).rejects.toThrow(LeaseLost);
    expect(provider.calls.submit).toBe(0);
  });
});

describe('a provider that takes no creates now', () => {
  test('a provider that takes no creates now closes its gate for creates, not the one for polls', async () => {
    const { attempt, provider, waitMs } = await create('not accepted', 'does nothing');
    expect(waitMs).toBe(9000);
    expect(cooldownLeftMs(provider.name, 'creates')).toBeGreaterThan(8000);
    expect(cooldownLeftMs(provider.name, 'polls')).toBe(0);
    expect(await attempt.firstOutcome.promise).toBe('waiting');
  });

  test('a provider that takes no creates now ends the attempt at the fifth refusal in a row', async () => {
    const attempt = await newAttempt();
    const provider = fakeProvider({ submit: answers['not accepted'] });
    const waits = [];
    for (let turn = 0; turn < 5; turn++) waits.push(nextIn(await submit(attempt, provider)));
    expect(waits).toEqual(['later', 'later', 'later', 'later', 'end']);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine failed PROVIDER_RATE_LIMITED no' });
    expect(provider.calls.submit).toBe(5);
  });

  test('a provider that takes no creates now is waited for as long as it works on a task of ours', async () => {
    const provider = fakeProvider({ submit: answers['not accepted'] });
    const running = await newAttempt({ provider: provider.name, state: 'polling' });
    active.set(running.job.attempt_id, running);
    const attempt = await newAttempt({ provider: provider.name });
    for (let turn = 0; turn < 7; turn++) expect(await submit(attempt, provider)).toBe(9000);
    expect(await resultOf(attempt)).toMatchObject({ job: 'queued' });
  });
});

describe('a repetition', () => {
  const repeated = { state: 'submitting', job: { prepared: '{"upload":"u1"}' } } satisfies Given;

  test('a repetition sends what was prepared before, and prepares nothing', async () => {
    const attempt = await newAttempt(repeated);
    const provider = fakeProvider({ submit: answers.accepted, prepare: 'anew' });
    expect(nextIn(await send(attempt, provider))).toBe('later');
    expect(provider.sent!.prepared).toEqual({ upload: 'u1' });
    expect(provider.calls.prepare).toBe(0);
    expect(await jobOf(attempt)).toMatchObject({ state: 'polling', submit_attempts: 2 });
  });

  test.each([
    ['is refused for what it says', answers.refused, 'end', 'ended', 'mine failed CONTENT_REFUSED no'],
    [
      'is refused for the account',
      { state: 'refused', code: 'PROVIDER_QUOTA', reason: '402' },
      'end',
      'in_doubt',
      'mine failed SUBMIT_UNKNOWN maybe',
    ],
    ['meets a limit', answers['not accepted'], 'later', 'submitting', 'mine generating submitting'],
    ['does not leave', answers['nothing sent'], 'later', 'submitting', 'mine generating submitting'],
    ['has no answer either', answers.unknown, 'at once', 'submitting', 'mine generating submitting'],
  ] as [string, Answer, string, string, string][])(
    'a repetition that %s: %j, %s, %s',
    async (_, answer, next, job, video) => {
      const attempt = await newAttempt(repeated);
      const provider = fakeProvider({ submit: answer, prepare: 'anew' });
      expect(nextIn(await send(attempt, provider))).toBe(next);
      expect(await resultOf(attempt)).toMatchObject({ job, video });
    },
  );

  test('a repetition that meets a limit five times leaves nobody who knows', async () => {
    const attempt = await newAttempt(repeated);
    const provider = fakeProvider({ submit: answers['not accepted'], prepare: 'anew' });
    for (let turn = 0; turn < 4; turn++) expect(await send(attempt, provider)).toBe(9000);
    expect(await jobOf(attempt)).toMatchObject({ submit_attempts: 1 });
    expect(await send(attempt, provider)).toBeNull();
    expect(await resultOf(attempt)).toMatchObject({ job: 'in_doubt', video: 'mine failed SUBMIT_UNKNOWN maybe' });
  });

  test('a repetition that a stop keeps from being sent stays one whose first create may be paid', async () => {
    const attempt = await newAttempt(repeated);
    const provider = fakeProvider({ submit: answers.accepted, prepare: 'anew' });
    afterWrite(
      (set) => set['job.state'] === 'submitting',
      () => attempt.stop.abort(),
    );
    expect(await send(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await jobOf(attempt)).toMatchObject({ state: 'submitting', submit_attempts: 1, sent_at: expect.any(Date) });
  });
});

describe('an accepted task', () => {
  test('an accepted task is noted before the database is told, and the note stays where the database does not know the attempt', async () => {
    const attempt = await newAttempt();
    await Workspace.deleteOne({ _id: attempt.workspaceId });
    await expect(onAccepted(attempt, fakeProvider(), 'task-lost')).rejects.toThrow(LeaseLost);
    expect(await readAccepted(attempt.job.attempt_id)).toEqual({
      workspace_id: attempt.workspaceId,
      attempt_id: attempt.job.attempt_id,
      task_id: 'task-lost',
      provider: attempt.job.provider,
    });
  });

  test('an accepted task settles once: the second time it is followed already', async () => {
    const attempt = await newAttempt({ state: 'submitting' });
    const { attempt_id } = attempt.job;
    const task = { workspace_id: attempt.workspaceId, attempt_id, task_id: 'task-new' };
    const first = await storeAndUnjournal(task);
    expect(first!.job).toMatchObject({ state: 'polling', task_id: 'task-new' });
    const second = await storeAndUnjournal({ ...task, task_id: 'task-other' });
    expect(second!.job).toEqual(first!.job);
  });
});

test.each([
  ['an attempt that the user waits for', {}, 'in_doubt', 'mine failed SUBMIT_UNKNOWN maybe'],
  ['a cancelled one', { isCancelled: true }, 'in_doubt', 'mine failed CANCELLED maybe'],
  ['a superseded one', { isSuperseded: true }, 'superseded in_doubt', 'newer generating queued'],
] as [string, Given, string, string][])('%s is kept in doubt', async (_, given, job, video) => {
  const attempt = await newAttempt({ state: 'submitting', ...given });
  expect(await markInDoubt(attempt)).toBeNull();
  expect(await resultOf(attempt)).toEqual({ job, video, takes: [] });
});
