process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';
process.env.VIDEO_MAX_CONCURRENT = '2';

import { Workspace } from '../../src/db/workspace';
import { requestVideo } from '../../src/generation/request';
import { newJob, videoOf } from '../helpers/attempts';
import { addShot, batchOf, inWords, putClip, upToDate } from '../helpers/batches';
import {
  endOf,
  hold,
  letGo,
  most,
  previous,
  runBatch,
  sent,
  shotOf,
  startOf,
  until,
  useRunner,
} from '../helpers/run-batches';

useRunner();

describe('a chain', () => {
  test('each shot of a chain is sent when the one before it is done, with the end of its clip', async () => {
    const ids = [await addShot(), await addShot({ image_path: null }, previous), await addShot({}, previous)];
    const ended = await endOf(await runBatch(ids));
    expect(inWords(ended)).toEqual(['completed', 'completed', 'completed']);
    expect(most).toBe(1);
    const [one, two, three] = await Promise.all(ids.map(shotOf));
    expect(two!.video).toMatchObject({ from_attempt_id: one!.video.attempt_id, from_s: null });
    expect(three!.video).toMatchObject({ from_attempt_id: two!.video.attempt_id, from_s: null });
  });

  test('the rest of a chain fails unpaid when one of it fails, and shots beside it are made', async () => {
    const ids = [
      await addShot({}, { prompt: 'refused' }),
      await addShot({}, previous),
      await addShot({}, previous),
      await addShot(),
    ];
    const ended = await endOf(await runBatch(ids));
    const missing = 'failed PREVIOUS_CLIP_MISSING';
    expect(inWords(ended)).toEqual(['failed CONTENT_REFUSED', missing, missing, 'completed']);
    expect(sent).toHaveLength(2);
    expect((await shotOf(ids[1]!)).video.status).toBe('idle');
  });

  test('a shot waits for the clip that a click is making, outside of the batch', async () => {
    const before = await addShot();
    const next = await addShot({}, previous);
    hold();
    await requestVideo({ workspaceId: before, acceptSecondCharge: false });
    const batch = await runBatch([next]);
    const { attempt_id } = (await shotOf(before)).video;
    await until(batch, ({ items }) => items[0]!.waits_for === attempt_id);
    letGo();
    expect(inWords(await endOf(batch))).toEqual(['completed']);
    expect((await shotOf(next)).video).toMatchObject({ from_attempt_id: attempt_id });
  });

  test('a shot fails with the clip that a click is making, though there is one of before', async () => {
    await putClip('older');
    const job = newJob({ state: 'polling', provider: 'runway' });
    const before = await addShot({ job, video: videoOf(job), takes: [upToDate({ attempt_id: 'older' })] });
    const batch = await runBatch([await addShot({}, previous)]);
    await until(batch, ({ items }) => items[0]!.waits_for === job.attempt_id);
    const error = { code: 'TASK_FAILED', message: '?', charged: 'no' };
    await Workspace.updateOne({ _id: before }, { 'video.status': 'failed', 'video.error': error, job: null });
    expect(inWords(await endOf(batch))).toEqual(['failed PREVIOUS_CLIP_MISSING']);
    expect(sent).toHaveLength(0);
  });

  test('a shot waits for the one before it that another batch makes', async () => {
    const before = await addShot();
    const next = await addShot({}, previous);
    hold();
    const first = await runBatch([before]);
    const second = await runBatch([next]);
    await startOf(first, 1);
    await until(second, ({ items }) => items[0]!.waits_for !== null);
    letGo();
    expect(inWords(await endOf(second))).toEqual(['completed']);
    expect((await shotOf(next)).video.from_attempt_id).toBe((await batchOf(first)).items[0]!.attempt_id);
  });
});
