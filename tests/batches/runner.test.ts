process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';
process.env.VIDEO_MAX_CONCURRENT = '2';
// Posters and facts take long, and no test here needs them.
process.env.FFMPEG_PATH = 'no-ffmpeg';

import { requestIdOf } from '../../src/batches/advance';
import { cancelBatch } from '../../src/batches/cancel';
import { stopBatches, wakeBatches } from '../../src/batches/runner';
import { findBatches } from '../../src/batches/store';
import { Batch, toWireBatch } from '../../src/db/batch';
import { Charge, type StoredCharge } from '../../src/db/charge';
import { Workspace } from '../../src/db/workspace';
import { imageFile } from '../../src/media/images';
import { requestVideo } from '../../src/generation/request';
import { processId } from '../../src/utils/process-id';
import { film_id } from '../fixtures/workspaces';
import { ago, fakeProvider, newJob, plugIn, rejectionOf, videoOf } from '../helpers/attempts';
import { addShot, batchOf, inWords, itemOf, model, newBatch, otherPicture, upToDate } from '../helpers/batches';
import { limitFilm, usd } from '../helpers/charges';
import { afterRead } from '../helpers/driver-faults';
import { eventually } from '../helpers/generating';
import {
  endOf,
  hold,
  letGo,
  most,
  runBatch,
  sent,
  shotOf,
  startOf,
  told,
  until,
  useRunner,
} from '../helpers/run-batches';

useRunner();

test('a batch sends its shots in order, no more at a time than allowed, and the last push is what the list says', async () => {
  const ids: string[] = [];
  for (let shot = 0; shot < 5; shot++) ids.push(await addShot({}, { prompt: `Shot ${shot}.` }));
  hold();
  const batch = await runBatch(ids);
  const begun = await startOf(batch, 2);
  expect(inWords(begun)).toEqual(['generating', 'generating', 'waiting', 'waiting', 'waiting']);
  letGo();
  const ended = await endOf(batch);
  expect(ended).toMatchObject({ status: 'completed', open: [] });
  expect(inWords(ended)).toEqual(ids.map(() => 'completed'));
  expect(sent.map(({ form_data }) => form_data.prompt)).toEqual(ids.map((_, shot) => `Shot ${shot}.`));
  expect(most).toBe(2);
  for (const [index, id] of ids.entries())
    expect((await shotOf(id)).video).toMatchObject({ status: 'completed', attempt_id: ended.items[index]!.attempt_id });
  await eventually(async () => told.at(-1)?.completed_at);
  expect(told.at(-1)).toEqual(toWireBatch((await findBatches(film_id))[0]!));
});

describe('a shot whose turn comes', () => {
  test('a shot is sent as it is stored when its turn comes', async () => {
    const ids = [await addShot(), await addShot(), await addShot({}, { prompt: 'Old words.' })];
    hold();
    const batch = await runBatch(ids);
    await startOf(batch, 2);
    const form = { ...newJob().form_data, prompt: 'New words.' };
    await Workspace.updateOne({ _id: ids[2] }, { form_data: form, image_path: otherPicture, $inc: { version: 1 } });
    letGo();
    await endOf(batch);
    expect(sent[2]).toMatchObject({ form_data: form, imageFile: imageFile(otherPicture) });
    expect((await shotOf(ids[2]!)).video).toMatchObject({ form_data: form, image_url: `/${otherPicture}` });
  });

  test('a shot that was edited is sent 3 s after that, and not before', async () => {
    const editedAt = Date.now() - 2000;
    const id = await addShot({ updated_at: new Date(editedAt).toISOString() });
    const batch = await runBatch([id]);
    const begun = await startOf(batch, 1);
    const startedAt = new Date((await shotOf(id)).video.started_at!);
    expect(startedAt.getTime()).toBeGreaterThanOrEqual(editedAt + 3000);
    expect(inWords(begun)).not.toContain('failed');
  });

  test.each([
    ['before it is read', (edit: () => unknown) => edit()],
    ['after it was read', afterRead],
  ])('a shot that is edited in the moment of its turn waits again, and is sent with the edit: %s', async (_, when) => {
    const id = await addShot();
    const updated_at = ago(1500);
    const edit = { 'form_data.prompt': 'Edited.', updated_at };
    const { collection } = Batch;
    const write = collection.findOneAndUpdate.bind(collection);
    jest.spyOn(collection, 'findOneAndUpdate').mockImplementationOnce(async (...marking: Parameters<typeof write>) => {
      const marked = await write(...marking);
      await when(() => Workspace.updateOne({ _id: id }, { $set: edit, $inc: { version: 1 } }));
      return marked;
    });
    const batch = await runBatch([id]);
    expect(inWords(await endOf(batch))).toEqual(['completed']);
    expect(sent.map(({ form_data }) => form_data.prompt)).toEqual(['Edited.']);
    const startedAt = new Date((await shotOf(id)).video.started_at!);
    expect(startedAt.getTime() - updated_at.getTime()).toBeGreaterThanOrEqual(3000);
  });

  test('a shot that cannot be sent any more fails with its reason, unpaid, and the others are made', async () => {
    const [bare, good] = [await addShot({ takes: [upToDate()] }), await addShot()];
    await Workspace.updateOne({ _id: bare }, { image_path: null, image_url: null });
    const before = await shotOf(bare);
    const ended = await endOf(await runBatch([bare, good]));
    expect(inWords(ended)).toEqual(['failed IMAGE_MISSING', 'completed']);
    expect(ended.items[0]).toMatchObject({
      attempt_id: null,
      reason: { message: expect.stringContaining('no image') },
    });
    const { video, takes, version } = await shotOf(bare);
    expect({ video, takes, version }).toEqual({ video: before.video, takes: before.takes, version: before.version });
    expect(await Charge.countDocuments()).toBe(1);
  });

  test('a shot that is refused by its provider fails with that code', async () => {
    const id = await addShot({}, { prompt: 'refused' });
    const ended = await endOf(await runBatch([id]));
    expect(inWords(ended)).toEqual(['failed CONTENT_REFUSED']);
    expect(ended.items[0]!.attempt_id).toBe((await shotOf(id)).video.attempt_id);
  });

  test('a shot that was deleted while it waited is cancelled, and never sent', async () => {
    const [gone, good] = [await addShot(), await addShot()];
    await Workspace.updateOne({ _id: gone }, { deleted_at: new Date() });
    expect(inWords(await endOf(await runBatch([gone, good])))).toEqual(['cancelled WORKSPACE_NOT_FOUND', 'completed']);
    expect(sent).toHaveLength(1);
  });

  test('a shot that was deleted after it was sent is followed to its end', async () => {
    const id = await addShot();
    hold();
    const batch = await runBatch([id]);
    await until(batch, ({ items }) => items[0]!.attempt_id !== null);
    await eventually(async () => (await shotOf(id)).job?.state === 'polling');
    await Workspace.updateOne({ _id: id }, { deleted_at: new Date() });
    letGo();
    expect(inWords(await endOf(batch))).toEqual(['completed']);
  });

  test('a shot that a click has begun before the batch was stored is made once, by that click', async () => {
    const job = newJob({ state: 'polling', provider: 'runway' });
    const id = await addShot({ job, video: videoOf(job) });
    const batch = await startOf(await runBatch([id]), 1);
    expect(batch.items).toMatchObject([{ state: 'generating', attempt_id: job.attempt_id }]);
    expect(sent).toHaveLength(0);
  });

  test('a click on a shot that waits is VIDEO_IN_PROGRESS, and is remembered as that', async () => {
    const ids = [await addShot(), await addShot(), await addShot()];
    hold();
    const batch = await runBatch(ids);
    await startOf(batch, 2);
    const click = { workspaceId: ids[2]!, requestId: 'r', acceptSecondCharge: true };
    expect(await rejectionOf(requestVideo(click))).toMatchObject({ code: 'VIDEO_IN_PROGRESS' });
    letGo();
    expect(inWords(await endOf(batch))).toEqual(ids.map(() => 'completed'));
    expect(sent).toHaveLength(3);
  });
});

describe('money', () => {
  const charges = () => Charge.find().sort({ started_at: 1 }).lean<StoredCharge[]>();

  test('each shot reserves its own price when its turn comes, with what the press has accepted', async () => {
    await limitFilm(usd(0.1));
    const ids = [await addShot(), await addShot({}, { duration_s: 10 })];
    await endOf(await runBatch(ids, { accept_over_limit: true, accept_unknown_price: true }));
    const accepted = { accept_over_limit: true, accept_unknown_price: true, state: 'charged' };
    expect(await charges()).toMatchObject([
      { cost: usd(0.5), ...accepted },
      { cost: usd(1), ...accepted },
    ]);
    expect((await charges()).map(({ workspace_id }) => String(workspace_id))).toEqual(ids);
  });

  test('a limit that is lowered on the way stops what waits, and not what was sent', async () => {
    await limitFilm(usd(10));
    const ids = [await addShot(), await addShot(), await addShot(), await addShot()];
    hold();
    const cost = { ...usd(0.6), basis: 'estimate', priced_on: null } as const;
    const batch = await runBatch(ids.map((id) => itemOf(id, { cost })));
    await startOf(batch, 2);
    await limitFilm(usd(1.2));
    const stopped = ['failed SPEND_LIMIT_REACHED', 'failed SPEND_LIMIT_REACHED'];
    const found = await until(batch, ({ open }) => open.length === 2);
    expect(inWords(found)).toEqual(['generating', 'generating', ...stopped]);
    letGo();
    expect(inWords(await endOf(batch))).toEqual(['completed', 'completed', ...stopped]);
    expect(await charges()).toHaveLength(2);
    expect((await shotOf(ids[3]!)).video.status).toBe('idle');
  });

  test('a shot whose price has become unknown fails under a limit', async () => {
    const id = await addShot();
    await limitFilm(usd(10));
    plugIn('runway', fakeProvider({ models: [{ ...model, prices: [] }] }));
    expect(inWords(await endOf(await runBatch([id])))).toEqual(['failed PRICE_UNKNOWN']);
  });
});

describe('a process that was killed', () => {
  // No process of this machine has that number.
  const lease = { owner: processId.replace(/:\d+:/, ':4194999:'), until: new Date(Date.now() + 60_000) };

  test('a batch of a process that was killed goes on at once, though its lease has not expired', async () => {
    const ids = [await addShot(), await addShot()];
    const ended = await endOf(await runBatch([itemOf(ids[0]!, { state: 'failed' }), ids[1]!], { lease }));
    expect(inWords(ended)).toEqual(['failed', 'completed']);
    expect(ended.lease.owner).toBe(processId);
  });

  test('a process that was killed before it claimed a shot leaves it to be sent once', async () => {
    const id = await addShot();
    const batch = await runBatch([itemOf(id, { state: 'generating' })], { lease });
    expect(inWords(await endOf(batch))).toEqual(['completed']);
    expect(sent).toHaveLength(1);
  });

  test('a process that was killed after it claimed a shot leaves it to be noted, and not sent again', async () => {
    const job = newJob({ state: 'polling', provider: 'runway' });
    const id = await addShot({ job, video: videoOf(job) });
    const batch = await newBatch([itemOf(id, { state: 'generating' }), itemOf(await addShot())], { lease });
    const clicks = [{ request_id: requestIdOf(batch), attempt_id: job.attempt_id }];
    await Workspace.updateOne({ _id: id }, { clicks });
    wakeBatches();
    await until(batch, ({ items }) => items[0]!.attempt_id === job.attempt_id && items[1]!.state === 'completed');
    expect(inWords(await batchOf(batch))).toEqual(['generating', 'completed']);
    expect(sent).toHaveLength(1);
    await Workspace.updateOne({ _id: id }, { 'video.status': 'completed', job: null });
    expect(inWords(await endOf(batch))).toEqual(['completed', 'completed']);
  });

  test('a batch that was cancelled meanwhile does not send what was marked', async () => {
    const id = await addShot();
    const batch = await runBatch([itemOf(id, { state: 'generating' })], { lease, status: 'cancelled' });
    expect(inWords(await endOf(batch))).toEqual(['cancelled CANCELLED']);
    expect(sent).toHaveLength(0);
  });

  test('a batch of a living process is left to it', async () => {
    const alive = { owner: 'elsewhere:1:a', until: new Date(Date.now() + 60_000) };
    const theirs = await runBatch([await addShot()], { lease: alive });
    const ours = await runBatch([await addShot()]);
    await endOf(ours);
    expect(await batchOf(theirs)).toMatchObject({ revision: 1, lease: { owner: alive.owner } });
  });
});

test('a cancelled batch ends with the last shot that was sent', async () => {
  const ids = [await addShot(), await addShot(), await addShot()];
  hold();
  const batch = await runBatch(ids);
  await startOf(batch, 2);
  expect(await cancelBatch(String(batch._id))).toMatchObject({ status: 'cancelled', completed_at: null });
  letGo();
  const ended = await endOf(batch);
  expect(ended.status).toBe('cancelled');
  expect(inWords(ended)).toEqual(['completed', 'completed', 'cancelled CANCELLED']);
  expect(sent).toHaveLength(2);
});

test('a stop starts no more shots, and lets another process go on at once', async () => {
  await stopBatches();
  const batch = await runBatch([await addShot()], {
    lease: { owner: processId, until: new Date(Date.now() + 60_000) },
  });
  await stopBatches();
  expect(await batchOf(batch)).toMatchObject({ revision: 1, lease: { until: new Date(0) } });
  expect(sent).toHaveLength(0);
});
