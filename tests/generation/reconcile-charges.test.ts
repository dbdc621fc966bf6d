import { Charge, type StoredCharge } from '../../src/db/charge';
import { Workspace } from '../../src/db/workspace';
import { addMissingCharges, reconcileCharges } from '../../src/generation/reconcile-charges';
import { storeStep } from '../../src/generation/store';
import { failure } from '../../src/generation/attempt';
import { processId } from '../../src/utils/process-id';
import { ago, hourMs, finishedVideo, newAttempt, newJob, newWorkspace, videoOf, type Given } from '../helpers/attempts';
import { chargeOf, forgetCosts, reserved, usd } from '../helpers/charges';
import { useDatabase } from '../helpers/database';

useDatabase();
afterEach(() => Promise.all([forgetCosts(), Workspace.deleteMany({})]));

const minute = 60_000;
const gone = `${processId.split(':')[0]}:99999999:a`;

/** An attempt with its reservation, as a click leaves both. */
async function reservedAttempt(given: Given = {}) {
  const attempt = await newAttempt({ provider: 'runway', ...given });
  const { attempt_id } = attempt.job;
  await reserved(0.6, { attempt_id, workspace_id: attempt.workspaceId });
  return attempt;
}

const reconciled = async (attemptId: string): Promise<StoredCharge | null> => {
  await reconcileCharges();
  return chargeOf(attemptId);
};

describe('a reservation', () => {
  test.each([
    ['queued', false, 'reserved'],
    ['submitting', false, 'reserved'],
    ['polling', false, 'reserved'],
    ['downloading', false, 'charged'],
    ['download_failed', false, 'charged'],
    ['timed_out', false, 'maybe'],
    ['in_doubt', false, 'maybe'],
    ['polling', true, 'maybe'],
  ] as const)('of an attempt that is %s, cancelled: %s, is %s', async (state, isCancelled, expected) => {
    const { job } = await reservedAttempt({ state, isCancelled });
    expect(await reconciled(job.attempt_id)).toMatchObject({ state: expected });
  });

  test('of a superseded attempt goes on', async () => {
    const { job } = await reservedAttempt({ state: 'polling', isSuperseded: true });
    expect(await reconciled(job.attempt_id)).toMatchObject({ state: 'reserved' });
  });

  test('of a video that was cancelled before it was sent is free', async () => {
    const job = newJob({ provider: 'runway' });
    const video = { ...videoOf(job), ...failure('CANCELLED', 'runway', 'no') };
    const { _id } = await newWorkspace({ job: null, video });
    await reserved(0.6, { attempt_id: job.attempt_id, workspace_id: String(_id) });
    // Its charge stays, unlike that of a click which was never stored.
    expect(await reconciled(job.attempt_id)).toMatchObject({ state: 'none', settled_at: expect.any(Date), epoch: 1 });
  });

  test('of a finished take is charged, at the cost of the take', async () => {
    const cost = { ...usd(0.5), basis: 'actual', priced_on: null } as const;
    const take = { ...finishedVideo('made'), cost };
    const { _id } = await newWorkspace({ takes: [take] });
    await reserved(0.6, { attempt_id: take.attempt_id!, workspace_id: String(_id) });
    expect(await reconciled(take.attempt_id!)).toMatchObject({ state: 'charged', cost });
  });

  test.each([
    ['of a process that is gone', { owner: gone }, 'none'],
    ['that is a minute old', { started_at: ago(minute + 1000) }, 'none'],
    ['of a click that is being stored', {}, 'reserved'],
  ])('without an attempt, %s, becomes %s', async (_which, more, state) => {
    const { attempt_id } = await reserved(0.6);
    await Charge.updateOne({ attempt_id }, { $set: more });
    expect(await reconciled(attempt_id)).toMatchObject({ state });
    // A click that counts again does not bring it back.
    await reserved(0.6);
    expect((await reconciled(attempt_id))?.state ?? 'none').toBe(state);
  });

  test('of a task that was accepted, and whose attempt is gone, is unclear', async () => {
    const { attempt_id } = await reserved(0.6);
    await Charge.updateOne({ attempt_id }, { $set: { epoch: 2, owner: gone } });
    expect(await reconciled(attempt_id)).toMatchObject({ state: 'maybe' });
  });

  test('whose click was overtaken by another is removed later', async () => {
    const { attempt_id } = await reserved(0.6);
    await Charge.updateOne({ attempt_id }, { $set: { state: 'none', started_at: ago(25 * hourMs) } });
    await reserved(0.6, { attempt_id: 'newer' });
    expect(await reconciled(attempt_id)).toBeNull();
  });
});

test('every paid attempt that an older version left without a charge gets one, once', async () => {
  const [polling, doubtful] = [
    await newAttempt({ provider: 'runway', state: 'polling', job: { model: 'gen4.5', cost: null } }),
    await newAttempt({ provider: 'kling', state: 'in_doubt', isSuperseded: true }),
  ];
  await newAttempt({ provider: 'local', state: 'polling' });
  await addMissingCharges();
  await addMissingCharges();
  expect(await chargeOf(polling.job.attempt_id)).toMatchObject({
    state: 'reserved',
    cost: { ...usd(0.6), basis: 'estimate' },
    provider: 'runway',
  });
  expect(await chargeOf(doubtful.job.attempt_id)).toMatchObject({ state: 'maybe', provider: 'kling' });
  const providers = await Charge.distinct('provider');
  // The attempt that has replaced the one in doubt is paid too.
  expect(providers.sort()).toEqual(['kling', 'other', 'runway']);
});

describe('a step', () => {
  const charge = { ...usd(0.5), basis: 'actual', priced_on: null } as const;

  test('that ends an attempt records its charge and shows its cost', async () => {
    const attempt = await reservedAttempt({ state: 'downloading' });
    const { attempt_id } = attempt.job;
    await storeStep(attempt, { video: { ...finishedVideo('x'), attempt_id }, job: null, cost: charge });
    expect(await chargeOf(attempt_id)).toMatchObject({ state: 'charged', cost: charge });
    const stored = await Workspace.findById(attempt.workspaceId).lean();
    expect(stored!.video.cost).toEqual(charge);
  });

  test('of a cancelled attempt shows its cost too', async () => {
    const attempt = await reservedAttempt({ state: 'polling', isCancelled: true });
    await storeStep(attempt, { video: failure('TASK_FAILED', 'runway', 'yes'), job: null, cost: charge });
    const { video } = (await Workspace.findById(attempt.workspaceId).lean())!;
    expect(video).toMatchObject({ error: { code: 'CANCELLED', charged: 'yes' }, cost: charge });
  });

  test('of a superseded attempt gives its take the cost', async () => {
    const attempt = await reservedAttempt({ state: 'downloading', isSuperseded: true });
    const { attempt_id } = attempt.job;
    const bound = { ...usd(0.9), basis: 'bound', priced_on: null } as const;
    await storeStep(attempt, { job: {}, cost: bound });
    await storeStep(attempt, { video: { status: 'completed', url: '/uploads/videos/x.mp4' }, job: null });
    const { takes, video } = (await Workspace.findById(attempt.workspaceId).lean())!;
    expect(takes).toMatchObject([{ attempt_id, cost: bound }]);
    expect(video.cost).toBeNull();
    expect(await chargeOf(attempt_id)).toMatchObject({ state: 'charged', cost: bound });
  });
});
