import {
  clipOf,
  endOfCut,
  hasOtherForm,
  isOutOfDate,
  sourcesOf,
  type LinkedShot,
  type Neighbours,
} from '../../src/contract/continuity';
import { emptyForm, idleVideo, wholeClip } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';

const form = (more: Partial<FormData> = {}): FormData => ({ ...emptyForm, prompt: 'rain', ...more });

/** A finished clip of 4 s at 25 frames a second, made from the picture a. */
const clip = (more: Partial<Video> = {}): Video => ({
  ...idleVideo,
  status: 'completed',
  attempt_id: 'made',
  provider: 'runway',
  model: 'gen4.5',
  form_data: form(),
  image_url: '/a.png',
  file_duration_s: 4,
  fps: 25,
  ...more,
});

const shot = (more: Partial<LinkedShot> = {}): LinkedShot => ({
  image_url: '/a.png',
  end_image_url: null,
  form_data: form(),
  cut: wholeClip,
  video: idleVideo,
  takes: [],
  ...more,
});

const alone: Neighbours = { previous: null, next: null };

describe('the clip of a shot', () => {
  const take = clip({ attempt_id: 'take' });
  test.each<[string, Partial<LinkedShot>, string | null]>([
    ['its video, once that is completed', { video: clip(), takes: [take] }, 'made'],
    ['its first take while another video is made', { video: clip({ status: 'generating' }), takes: [take] }, 'take'],
    ['its first take after a failure', { video: clip({ status: 'failed' }), takes: [take, clip()] }, 'take'],
    ['none, without either', { video: clip({ status: 'failed' }) }, null],
  ])('the clip of a shot is %s', (_, fields, attemptId) => {
    expect(clipOf(shot(fields))?.attempt_id ?? null).toBe(attemptId);
  });
});

describe('the end of a cut', () => {
  const endAt = (in_s: number, out_s: number | null, facts: Partial<Video> = {}) =>
    endOfCut(shot({ cut: { ...wholeClip, in_s, out_s } }), clip(facts));

  test.each<[string, number | null, number | null]>([
    ['the end of the file where the cut has none', endAt(0, null), null],
    ['where the cut ends', endAt(1, 2.5), 2.5],
    ['the end of the file where the cut ends beyond it', endAt(1, 9), null],
    ['the end of the file where the cut ends just there', endAt(1, 4), null],
    ['where the cut ends, in a file of unknown length', endAt(1, 9, { file_duration_s: null }), 9],
    ['one frame after a beginning that is not before it', endAt(2, 1), 2.04],
    ['one frame after a beginning at the same place', endAt(2, 2), 2.04],
    ['one frame after it in whole milliseconds', endAt(1, 1, { fps: 24 }), 1.041],
    ['one frame of the usual rate after it where the rate is unknown', endAt(1, 1, { fps: null }), 1.041],
    ['the end of the file where a cut begins beyond it and ends before', endAt(5, 1), null],
  ])('a cut ends at %s', (_, found, expected) => expect(found).toBe(expected));
});

describe('the pictures of a shot', () => {
  const before = shot({ video: clip({ attempt_id: 'before' }), cut: { ...wholeClip, out_s: 1.5 } });
  const after = shot({ image_url: '/after.png' });
  const none = { image_url: '/a.png', end_image_url: null, from_attempt_id: null, from_s: null };

  test.each<[string, Partial<FormData>, Partial<Neighbours>, object]>([
    ['its own picture', {}, { previous: before, next: after }, none],
    [
      'a place in the clip before it',
      { start: 'previous' },
      { previous: before },
      { ...none, image_url: null, from_attempt_id: 'before', from_s: 1.5 },
    ],
    [
      'the end of the clip before it, where that is not cut',
      { start: 'previous' },
      { previous: { ...before, cut: wholeClip } },
      { ...none, image_url: null, from_attempt_id: 'before' },
    ],
    ['nothing, as the first shot', { start: 'previous' }, {}, { ...none, image_url: null }],
    [
      'nothing, after a shot without a clip',
      { start: 'previous' },
      { previous: shot({ video: clip({ status: 'failed' }) }) },
      { ...none, image_url: null },
    ],
    ['its end picture', { end: 'image' }, { next: after }, { ...none, end_image_url: '/end.png' }],
    ['the picture of the shot after it', { end: 'next' }, { next: after }, { ...none, end_image_url: '/after.png' }],
    ['no end, as the last shot', { end: 'next' }, {}, none],
  ])('a shot is made from %s', (_, fields, beside, expected) => {
    const wanted = shot({ form_data: form(fields), end_image_url: '/end.png' });
    expect(sourcesOf(wanted, { ...alone, ...beside })).toEqual(expected);
  });
});

describe('a clip and its shot', () => {
  const linked = form({ start: 'previous' });
  const before = (attempt_id: string, out_s: number | null = null) =>
    shot({ video: clip({ attempt_id }), cut: { ...wholeClip, out_s } });
  const ofBefore = clip({ form_data: linked, image_url: '/frame.png', from_attempt_id: 'before', from_s: null });
  const toNext = form({ end: 'next' });
  const ofNext = clip({ form_data: toNext, end_image_url: '/after.png' });

  type Case = { wanted?: Partial<LinkedShot>; made?: Video; beside?: Partial<Neighbours>; style?: string };
  const isOld = ({ wanted, made = clip(), beside, style = '' }: Case) =>
    isOutOfDate(shot(wanted), made, {
      neighbours: { ...alone, ...beside },
      meaning: { provider: 'runway', model: 'gen4.5', resolution: null },
      style,
      negative_style: '',
    });

  test.each<[string, Case]>([
    ['with the same form and picture', {}],
    ['whatever stands beside it, where it uses nothing of that', { beside: { previous: before('x'), next: shot() } }],
    [
      'from the same place of the same take',
      { wanted: { form_data: linked }, made: ofBefore, beside: { previous: before('before') } },
    ],
    [
      'from that place, though the shot has a picture of its own that it does not use',
      { wanted: { form_data: linked, image_url: '/b.png' }, made: ofBefore, beside: { previous: before('before') } },
    ],
    [
      'from a cut that ends beyond the file',
      { wanted: { form_data: linked }, made: ofBefore, beside: { previous: before('before', 9) } },
    ],
    [
      'to the same picture of the shot after',
      { wanted: { form_data: toNext }, made: ofNext, beside: { next: shot({ image_url: '/after.png' }) } },
    ],
    ['with a style that is blank', { style: '  ' }],
    [
      'of before, whose pictures are not known',
      { wanted: { image_url: '/b.png' }, made: clip({ image_url: null }), style: 'noir' },
    ],
    [
      'of before, whose form is not known',
      { wanted: { form_data: form({ prompt: 'snow' }) }, made: clip({ form_data: null }) },
    ],
    [
      'where a name stands for what "" stood for',
      { wanted: { form_data: form({ provider: 'runway', model: 'gen4.5' }) } },
    ],
  ])('a clip is up to date %s', (_, given) => expect(isOld(given)).toBe(false));

  test.each<[string, Case]>([
    ['other words', { wanted: { form_data: form({ prompt: 'snow' }) } }],
    ['another model', { wanted: { form_data: form({ model: 'gen4_turbo' }) } }],
    ['another picture', { wanted: { image_url: '/b.png' } }],
    ['a picture that is gone', { wanted: { image_url: null } }],
    ['another style', { style: 'noir' }],
    ['a start from the shot before', { wanted: { form_data: linked }, beside: { previous: before('before') } }],
    ['an end picture', { wanted: { form_data: form({ end: 'image' }), end_image_url: '/end.png' } }],
    [
      'another end picture',
      {
        wanted: { form_data: form({ end: 'image' }), end_image_url: '/new.png' },
        made: clip({ form_data: form({ end: 'image' }), end_image_url: '/old.png' }),
      },
    ],
    [
      'another take before it',
      { wanted: { form_data: linked }, made: ofBefore, beside: { previous: before('newer') } },
    ],
    [
      'another cut before it',
      { wanted: { form_data: linked }, made: ofBefore, beside: { previous: before('before', 2) } },
    ],
    [
      'another shot before it, without a clip',
      { wanted: { form_data: linked }, made: ofBefore, beside: { previous: shot() } },
    ],
    [
      'another picture after it',
      { wanted: { form_data: toNext }, made: ofNext, beside: { next: shot({ image_url: '/b.png' }) } },
    ],
  ])('a clip is out of date after %s', (_, given) => expect(isOld(given)).toBe(true));

  test('a clip counts as made with what its own empty names stood for, not with what they stand for now', () => {
    const made = clip({ provider: 'kling', model: 'kling-3.0' });
    const meaning = { provider: 'runway', model: 'gen4.5', resolution: null };
    expect(hasOtherForm(form({ provider: 'runway' }), made, meaning)).toBe(true);
    expect(hasOtherForm(form({ provider: 'kling', model: 'kling-3.0' }), made, meaning)).toBe(false);
    expect(hasOtherForm(form(), { ...made, form_data: form({ provider: 'kling' }) }, meaning)).toBe(true);
  });
});
