process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { mkdir, writeFile } from 'node:fs/promises';
import type { FormData } from '../../src/contract/form';
import type { StoredWorkspace } from '../../src/db/workspace';
import { checkClick, isInDoubt } from '../../src/generation/check-click';
import { imageFile } from '../../src/media/images';
import { idleVideo, wholeClip } from '../../src/contract/defaults';
import { fakeProvider, finishedVideo, newJob, plugIn, rejectionOf, videoOf, type Given } from '../helpers/attempts';
import { model, otherPicture, picture, putClip } from '../helpers/batches';

const { form_data } = newJob();
type Wanted = Parameters<typeof checkClick>[2];
type Beside = Parameters<typeof checkClick>[1];

beforeAll(async () => {
  await mkdir(imageFile('.'), { recursive: true });
  for (const file of [picture, otherPicture]) await writeFile(imageFile(file), 'a picture');
  await putClip('before');
});
beforeEach(() => {
  plugIn('runway', fakeProvider({ models: [model] }));
});

/** A shot as it is stored, with a picture. */
const shot = (fields: Partial<StoredWorkspace> = {}, form: Partial<FormData> = {}) =>
  ({
    image_path: picture,
    image_url: `/${picture}`,
    end_image_path: null,
    end_image_url: null,
    form_data: { ...form_data, ...form },
    cut: wholeClip,
    video: idleVideo,
    takes: [],
    job: null,
    superseded: [],
    ...fields,
  }) as StoredWorkspace;

const withClip = (attempt_id: string) => shot({ video: { ...finishedVideo('x'), attempt_id } });
const alone: Beside = { previous: null, next: null };
const check = (one: StoredWorkspace, more: Partial<Wanted> = {}, beside: Partial<Beside> = {}) =>
  checkClick(one, { ...alone, ...beside }, { acceptSecondCharge: false, ...more });
const codeOf = async (...given: Parameters<typeof check>) => (await rejectionOf(check(...given))).code;

test('a click on a shot that has everything makes it at the provider and the model of its form', async () => {
  const { choice } = await check(shot());
  expect(choice).toMatchObject({
    provider: { name: 'runway' },
    model: { id: 'model-1' },
    resolution: '720p',
    audio: false,
  });
});

describe('what a shot starts from and ends on', () => {
  const own = { end_image_path: otherPicture, end_image_url: `/${otherPicture}` };
  const goneUrl = '/uploads/images/gone.png';
  const from = { start: 'previous' } as const;

  test.each<[string, StoredWorkspace, Partial<Beside>]>([
    ['its own picture', shot(), {}],
    [
      'the clip before it, without a picture of its own',
      shot({ image_url: null }, from),
      { previous: withClip('before') },
    ],
    ['its own picture, to an end picture', shot(own, { end: 'image' }), {}],
    ['its own picture, to that of the shot after it', shot({}, { end: 'next' }), { next: shot() }],
  ])('a shot can be made from %s', async (_, one, beside) => {
    expect(await check(one, {}, beside)).toMatchObject({ choice: { model: { id: 'model-1' } } });
  });

  test.each<[string, StoredWorkspace, Partial<Beside>, string]>([
    ['without a picture', shot({ image_url: null }), {}, 'IMAGE_MISSING'],
    ['with a picture whose file is gone', shot({ image_url: goneUrl }), {}, 'IMAGE_MISSING'],
    ['without an end picture', shot({}, { end: 'image' }), {}, 'IMAGE_MISSING'],
    ['with an end picture whose file is gone', shot({ end_image_url: goneUrl }, { end: 'image' }), {}, 'IMAGE_MISSING'],
    ['as the first one, from the clip before', shot({}, from), {}, 'PREVIOUS_CLIP_MISSING'],
    ['from a shot before that has only a picture', shot({}, from), { previous: shot() }, 'PREVIOUS_CLIP_MISSING'],
    ['from a clip whose file is gone', shot({}, from), { previous: withClip('gone') }, 'PREVIOUS_CLIP_MISSING'],
    ['as the last one, to the picture after', shot({}, { end: 'next' }), {}, 'NEXT_IMAGE_MISSING'],
    [
      'to a shot after without a picture',
      shot({}, { end: 'next' }),
      { next: shot({ image_url: null }) },
      'NEXT_IMAGE_MISSING',
    ],
    [
      'to a picture after whose file is gone',
      shot({}, { end: 'next' }),
      { next: shot({ image_url: goneUrl }) },
      'NEXT_IMAGE_MISSING',
    ],
  ])('a shot cannot be made %s', async (_, one, beside, code) => {
    expect(await codeOf(one, {}, beside)).toBe(code);
  });

  test('a shot of a batch needs no clip before it that is made first, but everything else', async () => {
    const wanted = { waitsForPrevious: true };
    expect(await check(shot({ image_url: null }, from), wanted)).toMatchObject({ choice: {} });
    expect(await codeOf(shot({}, { ...from, end: 'image' }), wanted)).toBe('IMAGE_MISSING');
  });

  test.each(['image', 'next'] as const)(
    'an end frame is refused, and never left out, where the model takes none: %s',
    async (end) => {
      plugIn('runway', fakeProvider({ models: [{ ...model, end_image: false }] }));
      const refused = await rejectionOf(check(shot(own, { end }), {}, { next: shot() }));
      expect(refused).toMatchObject({ code: 'INVALID_INPUT', details: [{ path: 'form_data.end' }] });
    },
  );
});

describe('what the user saw', () => {
  const seen = { form_data, image_path: picture };
  const ends = { end_image_path: otherPicture };

  test.each<[string, StoredWorkspace, NonNullable<Wanted['expects']>]>([
    ['everything', shot(), { ...seen, end_image_path: null }],
    ['the end picture too', shot(ends), { ...seen, end_image_path: otherPicture }],
    ['all but an end picture of which an older page knows nothing', shot(ends), seen],
    ['a form of an older page, which has fewer fields', shot(), { ...seen, form_data: { prompt: form_data.prompt } }],
  ])('what the user saw is what is stored: %s', async (_, one, expects) => {
    expect(await check(one, { expects })).toMatchObject({ choice: {} });
  });

  test.each<[string, StoredWorkspace, NonNullable<Wanted['expects']>]>([
    ['another end picture', shot(ends), { ...seen, end_image_path: picture }],
    ['no end picture', shot(ends), { ...seen, end_image_path: null }],
    ['an end picture that is gone', shot(), { ...seen, end_image_path: otherPicture }],
    ['another picture', shot({ image_path: otherPicture }), seen],
    ['another start', shot({}, { start: 'previous' }), seen],
    ['another end', shot({}, { end: 'next' }), seen],
    ['other words, in a form with fewer fields', shot(), { ...seen, form_data: { prompt: 'snow' } }],
  ])('what the user saw is not what is stored: %s', async (_, one, expects) => {
    expect(await codeOf(one, { expects })).toBe('FORM_CHANGED');
  });
});

describe('a clip that is made and not fetched', () => {
  const made = (job: Given['job'], form: Partial<FormData> = {}) =>
    newJob({ state: 'download_failed', provider: 'runway', job: { form_data: { ...form_data, ...form }, ...job } });
  const linked = { start: 'previous' } as const;
  const frame = { image_path: 'uploads/images/frame.png', from_attempt_id: 'before', from_s: null };
  const cutBefore = { ...withClip('before'), cut: { ...wholeClip, out_s: 1 } };

  test.each<[string, StoredWorkspace, Partial<Beside>]>([
    ['its picture', shot({ superseded: [made({})] }), {}],
    [
      'the same place of the same clip',
      shot({ superseded: [made(frame, linked)] }, linked),
      { previous: withClip('before') },
    ],
    [
      'the same picture after it',
      shot({ superseded: [made({ end_image_path: otherPicture }, { end: 'next' })] }, { end: 'next' }),
      { next: shot({ image_url: `/${otherPicture}` }) },
    ],
  ])('a clip that is made is fetched while the shot would be made from %s', async (_, one, beside) => {
    expect(await check(one, {}, beside)).toEqual({ made: one.superseded[0] });
  });

  test.each<[string, StoredWorkspace, Partial<Beside>]>([
    ['another end picture', shot({ superseded: [made({ end_image_path: picture })] }), {}],
    ['another clip before it', shot({ superseded: [made(frame, linked)] }, linked), { previous: cutBefore }],
    [
      'another picture after it',
      shot({ superseded: [made({ end_image_path: picture }, { end: 'next' })] }, { end: 'next' }),
      { next: shot({ image_url: `/${otherPicture}` }) },
    ],
  ])('a clip that is made is not fetched once the shot would be made from %s', async (_, one, beside) => {
    expect(await check(one, {}, beside)).toMatchObject({ choice: {} });
  });
});

describe('an attempt in doubt', () => {
  const error = (code: 'SUBMIT_UNKNOWN' | 'TIMEOUT', charged: 'maybe' | 'no') =>
    ({ ...idleVideo, status: 'failed', error: { code, message: '', charged } }) as const;
  const doubt = (risk_accepted = false) => newJob({ state: 'in_doubt', job: { risk_accepted } });

  test.each<[string, Partial<StoredWorkspace>, boolean]>([
    ['a create without an answer', { job: doubt() }, true],
    ['a superseded one', { superseded: [doubt()] }, true],
    ['one that is being asked for', { superseded: [newJob({ state: 'submitting' })] }, true],
    ['one of which only the video knows', { video: error('SUBMIT_UNKNOWN', 'maybe') }, true],
    ['one that was settled', { video: error('SUBMIT_UNKNOWN', 'no') }, false],
    ['one whose risk a user has accepted', { superseded: [doubt(true)] }, false],
    ['one that timed out', { video: error('TIMEOUT', 'maybe') }, false],
    ['none', {}, false],
  ])('an attempt in doubt: %s', (_, fields, expected) => {
    expect(isInDoubt(shot(fields))).toBe(expected);
  });

  test('an attempt in doubt refuses a click, unless the user accepts that it may be paid twice', async () => {
    const one = shot({ superseded: [doubt()] });
    expect(await codeOf(one)).toBe('SECOND_CHARGE_POSSIBLE');
    expect(await check(one, { acceptSecondCharge: true })).toMatchObject({ choice: {} });
  });
});

test('what is wrong is told in an order in which the user can mend it', async () => {
  const job = newJob({ state: 'polling' });
  const everything = { image_url: null, superseded: [newJob({ state: 'in_doubt' })] };
  const long = { duration_s: 7 };
  const seen = { expects: { form_data, image_path: otherPicture } };
  const busy = shot({ ...everything, job, video: videoOf(job) }, long);
  expect(await codeOf(busy, { provider: 'none', ...seen })).toBe('INVALID_INPUT');
  expect(await codeOf(busy, seen)).toBe('VIDEO_IN_PROGRESS');
  expect(await codeOf(shot(everything, long), seen)).toBe('FORM_CHANGED');
  expect(await codeOf(shot(everything, long))).toBe('IMAGE_MISSING');
  expect(await codeOf(shot({ ...everything, image_url: `/${picture}` }, long))).toBe('SECOND_CHARGE_POSSIBLE');
  expect(await codeOf(shot({}, long))).toBe('INVALID_INPUT');
});
