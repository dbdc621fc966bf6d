process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { cancelBatch, cancelShot } from '../../src/batches/cancel';
import { toWireBatch } from '../../src/db/batch';
import { Workspace } from '../../src/db/workspace';
import { nobody } from '../fixtures/workspaces';
import { ago, newAttempt, newJob, rejectionOf, resultOf, storedOf, videoOf } from '../helpers/attempts';
import { addShot, batchOf, inWords, itemOf, newBatch, upToDate, useBatches } from '../helpers/batches';

useBatches();

const started = (attempt_id: string | null) => ({ attempt_id, state: 'generating' }) as const;
const shotOf = (id: string) => Workspace.findById(id).lean();

describe('the cancellation of a batch', () => {
  test('the cancellation of a batch ends what waits, in place, and leaves what was sent', async () => {
    const sent = await newAttempt({ state: 'polling' });
    const waiting = await addShot({ takes: [upToDate()] });
    const before = [await storedOf(sent), await shotOf(waiting)];
    const { attempt_id } = sent.job;
    const batch = await newBatch([itemOf(sent.workspaceId, started(attempt_id)), itemOf(waiting)]);
    const cancelled = await cancelBatch(String(batch._id));
    expect(cancelled).toEqual(toWireBatch(await batchOf(batch)));
    expect(cancelled).toMatchObject({ status: 'cancelled', completed_at: null });
    expect(inWords(await batchOf(batch))).toEqual(['generating', 'cancelled CANCELLED']);
    expect(cancelled.items[1]!.reason!.message).toMatch(/costs nothing\.$/);
    expect([await storedOf(sent), await shotOf(waiting)]).toEqual(before);
  });

  test('the cancellation of a batch of which nothing was sent ends it at once', async () => {
    const items = [itemOf(await addShot()), itemOf(await addShot(), { state: 'failed' })];
    const { _id } = await newBatch(items);
    expect(await cancelBatch(String(_id))).toMatchObject({
      status: 'cancelled',
      items: [{ state: 'cancelled' }, { state: 'failed' }],
      completed_at: expect.any(String),
    });
  });

  test('the cancellation of a batch cancels its attempts that wait for a slot, at no charge', async () => {
    const queued = await newAttempt({ state: 'queued' });
    const { _id } = await newBatch([itemOf(queued.workspaceId, started(queued.job.attempt_id))]);
    await cancelBatch(String(_id));
    expect(await resultOf(queued)).toEqual({ job: 'ended', video: 'mine failed CANCELLED no', takes: [] });
  });

  test('the cancellation of a batch leaves a click of a user that replaced an attempt of the batch', async () => {
    const old = newJob({ state: 'polling' }, 'old');
    const clicked = await newAttempt({ state: 'queued', workspace: { superseded: [old] } });
    const { _id } = await newBatch([itemOf(clicked.workspaceId, started(old.attempt_id))]);
    await cancelBatch(String(_id));
    expect(await resultOf(clicked)).toMatchObject({ job: 'queued', video: 'mine generating queued' });
  });

  test('the cancellation of a batch finds an attempt that its process has started and not noted', async () => {
    const queued = await newAttempt({ state: 'queued' });
    const { attempt_id } = queued.job;
    const batch = await newBatch([itemOf(queued.workspaceId, started(null))]);
    const clicks = [{ request_id: `batch-${String(batch._id)}`, attempt_id }];
    await Workspace.updateOne({ _id: queued.workspaceId }, { clicks });
    await cancelBatch(String(batch._id));
    expect(await resultOf(queued)).toMatchObject({ job: 'ended', video: 'mine failed CANCELLED no' });
  });

  test.each([
    ['has ended', { status: 'completed', completed_at: ago(1000) }],
    ['was cancelled and has ended', { status: 'cancelled', completed_at: ago(1000) }],
  ] as const)('the cancellation of a batch that %s changes nothing', async (_, end) => {
    const batch = await newBatch([itemOf(await addShot(), { state: 'failed' })], end);
    expect(await cancelBatch(String(batch._id))).toEqual(toWireBatch(batch));
    expect(await batchOf(batch)).toMatchObject({ revision: 1 });
  });

  test('a second cancellation of a batch changes nothing', async () => {
    const sent = await newAttempt({ state: 'polling' });
    const { _id } = await newBatch([itemOf(sent.workspaceId, started(sent.job.attempt_id)), itemOf(await addShot())]);
    const first = await cancelBatch(String(_id));
    expect(await cancelBatch(String(_id))).toEqual(first);
  });

  test('the cancellation of a batch that is not there is BATCH_NOT_FOUND', async () => {
    expect(await rejectionOf(cancelBatch(nobody))).toMatchObject({ code: 'BATCH_NOT_FOUND' });
  });
});

describe('the cancellation of a shot', () => {
  test('the cancellation of a shot that waits takes it out of its batch, and changes nothing of it', async () => {
    const [one, two] = [await addShot({ video: upToDate(), takes: [upToDate()] }), await addShot()];
    const before = await shotOf(one);
    const batch = await newBatch([itemOf(one), itemOf(two)]);
    expect(await cancelShot(one, undefined)).toMatchObject({ workspace_id: one, video: { status: 'completed' } });
    expect(inWords(await batchOf(batch))).toEqual(['cancelled CANCELLED', 'waiting']);
    expect(await batchOf(batch)).toMatchObject({ status: 'running', open: [two] });
    expect(await shotOf(one)).toEqual(before);
  });

  test('the cancellation of the last shot of a batch ends it', async () => {
    const one = await addShot();
    const batch = await newBatch([itemOf(one)]);
    await cancelShot(one, undefined);
    expect(await batchOf(batch)).toMatchObject({ status: 'completed', completed_at: expect.any(Date) });
  });

  test('the cancellation of a shot that a batch is making cancels its video', async () => {
    const sent = await newAttempt({ state: 'polling' });
    await newBatch([itemOf(sent.workspaceId, started(sent.job.attempt_id))]);
    await cancelShot(sent.workspaceId, undefined);
    expect(await resultOf(sent)).toMatchObject({ video: 'mine failed CANCELLED maybe' });
  });

  test('the cancellation of an attempt does not take a waiting shot out of its batch', async () => {
    const one = await addShot();
    const batch = await newBatch([itemOf(one)]);
    expect(await rejectionOf(cancelShot(one, 'another'))).toMatchObject({ code: 'NOT_GENERATING' });
    expect(inWords(await batchOf(batch))).toEqual(['waiting']);
  });

  test.each(['failed', 'completed', 'cancelled'] as const)(
    'the cancellation of a shot that is %s in its batch is NOT_GENERATING',
    async (state) => {
      const one = await addShot();
      await newBatch([itemOf(one, { state }), itemOf(await addShot())]);
      expect(await rejectionOf(cancelShot(one, undefined))).toMatchObject({ code: 'NOT_GENERATING' });
    },
  );

  test('the cancellation of a click on a shot that waited for nothing is as it was', async () => {
    const job = newJob({ state: 'queued' });
    const one = await addShot({ job, video: videoOf(job) });
    expect(await cancelShot(one, job.attempt_id)).toMatchObject({
      video: { error: { code: 'CANCELLED', charged: 'no' } },
    });
  });
});
