import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import type { StoredWorkspace } from '../../src/db/workspace';
import { Workspace } from '../../src/db/workspace';
import { active, type ActiveAttempt } from '../../src/generation/attempt';
import { findLinks, isMadeFrom, ownSources, takeLinked } from '../../src/generation/sources';
import { send, submit } from '../../src/generation/submit';
import { imageFile } from '../../src/media/images';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';
import type { VideoJob } from '../../src/services/provider';
import {
  fakeProvider,
  finishedVideo,
  jobOf,
  newAttempt,
  newJob,
  newWorkspace,
  rejectionOf,
  resultOf,
  storedOf,
} from '../helpers/attempts';
import { otherPicture, picture, putClip } from '../helpers/batches';
import { useDatabase } from '../helpers/database';

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
  await mkdir(imageFile('.'), { recursive: true });
  const gray = sharp({ create: { width: 64, height: 64, channels: 3, background: '#777777' } });
  for (const file of [picture, otherPicture]) await writeFile(imageFile(file), await gray.clone().png().toBuffer());
  for (const clip of ['before', 'chosen']) await putClip(clip);
});
afterEach(async () => {
  active.clear();
  await Workspace.deleteMany({});
});

const place = { before: 1, it: 2, after: 3 };
const open = new AbortController().signal;
const { form_data } = newJob();

const clip = (attempt_id: string, more: Partial<Video> = {}): Video => ({ ...finishedVideo('x'), attempt_id, ...more });
const addBefore = (fields: Partial<StoredWorkspace> = {}) =>
  newWorkspace({ order_index: place.before, video: clip('before'), ...fields });
const addAfter = (fields: Partial<StoredWorkspace> = {}) =>
  newWorkspace({ order_index: place.after, image_path: otherPicture, ...fields });

/** An attempt that waits to be sent, with that form; its job has only pictures of its own. */
async function queued(form: Partial<FormData>, job: object = {}): Promise<ActiveAttempt> {
  const whole = { ...form_data, ...form };
  const own = form.start === 'previous' ? { image_path: null } : {};
  return newAttempt({ job: { form_data: whole, ...own, ...job }, workspace: { order_index: place.it } });
}

const linked = { start: 'previous' } as const;
const toNext = { end: 'next' } as const;
const answers = { accepted: { state: 'accepted', taskId: 'task' } } as const;

describe('what an attempt takes from its neighbours', () => {
  test('an attempt with pictures of its own takes nothing, whatever stands beside it', async () => {
    await Promise.all([addBefore(), addAfter()]);
    expect(await findLinks(await queued({}))).toEqual({});
    expect(await findLinks(await queued({ end: 'image' }))).toEqual({});
  });

  test('an attempt takes the clip on show before it, with where the cut ends and how long the file is', async () => {
    await addBefore({
      video: clip('before', { file_duration_s: 4, fps: 25 }),
      cut: { caption: '', in_s: 0, out_s: 1.5, volume: 1 },
    });
    await addAfter();
    expect(await findLinks(await queued({ ...linked, ...toNext }))).toEqual({
      clip: { attempt_id: 'before', from_s: 1.5, length_s: 4 },
      next: otherPicture,
    });
  });

  test('an attempt takes the first take of a shot that has failed', async () => {
    await addBefore({ video: { ...clip('none'), status: 'failed' }, takes: [clip('chosen')] });
    expect(await findLinks(await queued(linked))).toMatchObject({ clip: { attempt_id: 'chosen' } });
  });

  test('neighbours are those of the order of now, without shots in the trash and of other films', async () => {
    await addBefore();
    await addBefore({ order_index: 1.5, video: clip('chosen'), deleted_at: new Date() });
    await addBefore({ order_index: 1.6, video: clip('chosen'), film_id: '0000000000000000000000f2' as never });
    const attempt = await queued(linked);
    expect(await findLinks(attempt)).toMatchObject({ clip: { attempt_id: 'before' } });
    await addBefore({ order_index: 1.7, video: clip('chosen') });
    expect(await findLinks(attempt)).toMatchObject({ clip: { attempt_id: 'chosen' } });
  });

  test.each<[string, Partial<StoredWorkspace> | null]>([
    ['that is not there', null],
    ['without a clip', { video: { ...clip('none'), status: 'failed' } }],
    ['whose clip is gone', { video: clip('gone') }],
  ])('an attempt from a shot before %s is PREVIOUS_CLIP_MISSING', async (_, fields) => {
    if (fields) await addBefore(fields);
    expect(await rejectionOf(findLinks(await queued(linked)))).toMatchObject({ code: 'PREVIOUS_CLIP_MISSING' });
  });

  test.each<[string, Partial<StoredWorkspace> | null]>([
    ['that is not there', null],
    ['without a picture', { image_path: null }],
    ['whose picture is gone', { image_path: 'uploads/images/gone.png' }],
  ])('an attempt to a shot after %s is NEXT_IMAGE_MISSING', async (_, fields) => {
    if (fields) await addAfter(fields);
    expect(await rejectionOf(findLinks(await queued(toNext)))).toMatchObject({ code: 'NEXT_IMAGE_MISSING' });
  });
});

describe('the pictures of an attempt', () => {
  test('a click stores only the pictures of its own shot, since those of others may change', () => {
    const stored = { image_path: picture, end_image_path: otherPicture };
    const sources = (form: Partial<FormData>) =>
      ownSources({ ...stored, form_data: { ...form_data, ...form } } as StoredWorkspace);
    const none = { image_path: null, end_image_path: null, from_attempt_id: null, from_s: null };
    expect(sources({})).toEqual({ ...none, image_path: picture });
    expect(sources({ end: 'image' })).toEqual({ ...none, ...stored });
    expect(sources({ ...linked, ...toNext })).toEqual(none);
  });

  test('a frame of a clip is a new picture, taken once for each place', async () => {
    const attempt = await queued(linked);
    const from = { attempt_id: 'before', from_s: null, length_s: null };
    const taken = await takeLinked(attempt, { clip: from }, open);
    expect(taken).toEqual({
      image_path: expect.stringMatching(/^uploads\/images\/[0-9a-f]{32}\.png$/),
      end_image_path: null,
      from_attempt_id: 'before',
      from_s: null,
    });
    Object.assign(attempt.job, taken);
    expect(await takeLinked(attempt, { clip: from }, open)).toEqual(taken);
    const later = await takeLinked(attempt, { clip: { ...from, from_s: 0.5 } }, open);
    expect(later).toMatchObject({ from_s: 0.5 });
    expect(later.image_path).not.toBe(taken.image_path);
  });

  test('a clip that has no frame is PREVIOUS_CLIP_MISSING', async () => {
    await putClip('broken');

    await writeFile(videoFile('broken'), 'no video');
    const from = { attempt_id: 'broken', from_s: null, length_s: null };
    expect(await rejectionOf(takeLinked(await queued(linked), { clip: from }, open))).toMatchObject({
      code: 'PREVIOUS_CLIP_MISSING',
    });
  });

  test('an attempt counts as made from the same pictures by the place of its frame, not by its file', () => {
    const made = {
      image_path: 'uploads/images/frame.png',
      end_image_path: null,
      from_attempt_id: 'before',
      from_s: null,
    };
    const cut = { caption: '', in_s: 0, out_s: null, volume: 1 };
    const before = { video: clip('before'), takes: [], cut, form_data, image_url: null, end_image_url: null };
    const it = {
      ...before,
      form_data: { ...form_data, ...linked },
      image_url: `/${picture}`,
    } as unknown as StoredWorkspace;
    expect(isMadeFrom(made, it, { previous: before, next: null })).toBe(true);
    expect(isMadeFrom(made, it, { previous: { ...before, video: clip('chosen') }, next: null })).toBe(false);
    expect(isMadeFrom(made, it, { previous: { ...before, cut: { ...cut, out_s: 1 } }, next: null })).toBe(false);
    expect(isMadeFrom({ ...made, end_image_path: picture }, it, { previous: before, next: null })).toBe(false);
  });
});

describe('an attempt that is sent', () => {
  test('an attempt is sent with the frame before it and the picture after it, and its video names them', async () => {
    await Promise.all([addBefore(), addAfter()]);
    const attempt = await queued({ ...linked, ...toNext });
    const provider = fakeProvider({ submit: answers.accepted });
    await submit(attempt, provider);
    const { image_path: frame } = (await jobOf(attempt))!;
    expect(provider.sent).toMatchObject({ imageFile: imageFile(frame!), endImageFile: imageFile(otherPicture) });
    expect((await storedOf(attempt)).video).toMatchObject({
      image_url: `/${frame}`,
      end_image_url: `/${otherPicture}`,
      from_attempt_id: 'before',
      from_s: null,
    });
    expect((await sharp(imageFile(frame!)).metadata()).format).toBe('png');
  });

  test('an attempt is sent with its own pictures unchanged, and its video has their very addresses', async () => {
    const attempt = await queued({ end: 'image' }, { image_path: picture, end_image_path: otherPicture });
    const provider = fakeProvider({ submit: answers.accepted });
    await submit(attempt, provider);
    expect(provider.sent).toMatchObject({ imageFile: imageFile(picture), endImageFile: imageFile(otherPicture) });
    expect((await storedOf(attempt)).video).toMatchObject({
      image_url: `/${picture}`,
      end_image_url: `/${otherPicture}`,
      from_attempt_id: null,
    });
  });

  test.each([
    ['PREVIOUS_CLIP_MISSING', linked],
    ['NEXT_IMAGE_MISSING', toNext],
  ])('an attempt whose source is gone when it is sent ends with %s, at no charge', async (code, form) => {
    const attempt = await queued(form);
    const provider = fakeProvider({ submit: answers.accepted });
    expect(await submit(attempt, provider)).toBeNull();
    expect(provider.calls.submit).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: `mine failed ${code} no` });
    expect((await storedOf(attempt)).video.error!.message).toMatch(/^This shot (starts from|ends on) the .*\.$/);
  });

  test('an attempt is sent with what its neighbours have at the end of the free work, though that changed them', async () => {
    const before = await addBefore();
    const after = await addAfter({ image_path: picture });
    const attempt = await queued({ ...linked, ...toNext });
    const prepared: VideoJob[] = [];
    const provider = fakeProvider({ submit: answers.accepted });
    provider.prepare = async (job) => {
      prepared.push(job);
      if (prepared.length > 1) return { upload: prepared.length };
      await Workspace.updateOne({ _id: before._id }, { video: clip('chosen'), takes: [clip('before')] });
      await Workspace.updateOne({ _id: after._id }, { image_path: otherPicture });
      return { upload: 1 };
    };
    await submit(attempt, provider);
    expect(await jobOf(attempt)).toMatchObject({ from_attempt_id: 'chosen', end_image_path: otherPicture });
    expect(provider.sent).toMatchObject({ prepared: { upload: 2 }, endImageFile: imageFile(otherPicture) });
    expect(provider.sent!.imageFile).not.toBe(prepared[0]!.imageFile);
    expect((await storedOf(attempt)).video.from_attempt_id).toBe('chosen');
  });

  test('an attempt whose source goes during the free work ends unsent', async () => {
    const before = await addBefore();
    const attempt = await queued(linked);
    const provider = fakeProvider({
      submit: answers.accepted,
      prepare: () => Workspace.updateOne({ _id: before._id }, { deleted_at: new Date() }),
    });
    expect(await submit(attempt, provider)).toBeNull();
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine failed PREVIOUS_CLIP_MISSING no' });
    expect(provider.calls.submit).toBe(0);
  });

  test('an attempt whose neighbour changes all the time is sent with one of its states', async () => {
    const before = await addBefore();
    const attempt = await queued(linked);
    let cuts = 0;
    const provider = fakeProvider({
      submit: answers.accepted,
      prepare: () => Workspace.updateOne({ _id: before._id }, { 'cut.out_s': 0.5 + ++cuts / 10 }),
    });
    await submit(attempt, provider);
    expect(provider.calls.submit).toBe(1);
    expect(cuts).toBeLessThan(6);
    const { from_s } = (await jobOf(attempt))!;
    expect((await storedOf(attempt)).video.from_s).toBe(from_s);
  });

  test('an attempt that has to wait again keeps its frame, and takes another one if the clip before it is another', async () => {
    const before = await addBefore();
    const attempt = await queued(linked);
    const busy = { state: 'not_accepted', code: 'PROVIDER_RATE_LIMITED', reason: '429' } as const;
    const provider = fakeProvider({ submit: [busy, busy, answers.accepted] });
    const frames: (string | null)[] = [];
    for (const change of [{}, {}, { video: clip('chosen') }]) {
      await Workspace.updateOne({ _id: before._id }, change);
      await submit(attempt, provider);
      frames.push((await jobOf(attempt))!.image_path);
    }
    expect(frames[1]).toBe(frames[0]);
    expect(frames[2]).not.toBe(frames[0]);
    expect(await jobOf(attempt)).toMatchObject({ state: 'polling', from_attempt_id: 'chosen' });
  });

  test('a repetition sends the pictures of the first create, whatever stands beside it by now', async () => {
    await addBefore({ video: clip('chosen') });
    const job = { ...newJob().form_data, ...linked };
    const frame = { image_path: picture, from_attempt_id: 'before', from_s: 1, end_image_path: otherPicture };
    const attempt = await newAttempt({
      state: 'submitting',
      job: { form_data: job, ...frame },
      workspace: { order_index: place.it },
    });
    const files = await readdir(imageFile('.'));
    const provider = fakeProvider({ deduplication: 'key', submit: answers.accepted });
    await send(attempt, provider);
    expect(provider.sent).toMatchObject({ imageFile: imageFile(picture), endImageFile: imageFile(otherPicture) });
    expect(await jobOf(attempt)).toMatchObject(frame);
    expect(await readdir(imageFile('.'))).toEqual(files);
  });
});

test('a frame whose clip is removed between the look and the frame is PREVIOUS_CLIP_MISSING', async () => {
  await putClip('removed');
  await addBefore({ video: clip('removed') });
  const attempt = await queued(linked);
  const links = await findLinks(attempt);
  await rm(videoFile('removed'));
  expect(await rejectionOf(takeLinked(attempt, links, open))).toMatchObject({ code: 'PREVIOUS_CLIP_MISSING' });
});
