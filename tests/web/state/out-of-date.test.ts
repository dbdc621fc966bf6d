import type { LinkedShot, Neighbours } from '../../../src/contract/continuity';
import { emptyForm, idleVideo, wholeClip } from '../../../src/contract/defaults';
import type { FormData } from '../../../src/contract/form';
import type { ModelOption, Options } from '../../../src/contract/options';
import type { Video } from '../../../src/contract/video';
import type { Cut } from '../../../src/contract/workspace';
import { atProvider } from '../../../src/web/state/inherited-form';
import { isOutOfDate } from '../../../src/web/state/out-of-date';
import { formFaults } from '../../../src/web/state/providers';
import { plainModel } from '../../fixtures/models';

const provider = (name: string, models: ModelOption[], isDefault = false): Options['video_providers'][number] => ({
  ...models[0]!,
  name,
  ready: true,
  default: isDefault,
  model: models[0]!.id,
  cancel: true,
  default_model: models[0]!.id,
  models,
});

const runway = provider(
  'runway',
  [plainModel('gen4.5', { resolutions: [], default_resolution: null }), plainModel('turbo')],
  true,
);
const kling = provider('kling', [
  plainModel('kling-3.0', { audio: 'switch', durations_s: [5, 7] }),
  plainModel('kling-2.6'),
]);
const options: Options = {
  camera_movements: [],
  shot_sizes: [],
  lightings: [],
  video_providers: [runway, kling],
  llm_providers: [],
};

const form = (more: Partial<FormData> = {}): FormData => ({ ...emptyForm, prompt: 'rain', ...more });
const clip = (made: FormData | null, more: Partial<Video> = {}): Video => ({
  ...idleVideo,
  status: 'completed',
  provider: 'runway',
  model: 'gen4.5',
  form_data: made,
  image_url: '/uploads/images/a.jpg',
  ...more,
});
const alone: Neighbours = { previous: null, next: null };
const now = { options, style: '', negative_style: '', neighbours: alone };
const shot = (form_data: FormData, image_url: string | null = '/uploads/images/a.jpg'): LinkedShot => ({
  form_data,
  image_url,
  end_image_url: null,
  cut: wholeClip,
  video: idleVideo,
  takes: [],
});
/** A shot with a clip, which stands beside another one. */
const beside = (attempt_id: string, cut: Partial<Cut> = {}): LinkedShot => ({
  ...shot(form(), `/uploads/images/${attempt_id}.jpg`),
  cut: { ...wholeClip, ...cut },
  video: clip(form(), { attempt_id, fps: 24, file_duration_s: 5 }),
});

describe('a clip is up to date', () => {
  it.each<[string, FormData, FormData]>([
    ['with the same form', form(), form()],
    ['where the form names the provider that "" stood for', form({ provider: 'runway' }), form()],
    ['where the form leaves open the provider that it named', form(), form({ provider: 'runway' })],
    ['where the form names the model that "" stood for', form({ model: 'gen4.5' }), form()],
  ])('%s', (_how, wanted, made) => {
    expect(isOutOfDate(shot(wanted), clip(made), now)).toBe(false);
  });

  it('where the form names the resolution that "" stands for', () => {
    const named = form({ provider: 'kling', resolution: '720p' });
    const made = clip(form({ provider: 'kling' }), { provider: 'kling', model: 'kling-3.0' });
    expect(isOutOfDate(shot(named), made, now)).toBe(false);
  });

  it('where its origin or its form is not known', () => {
    const other = shot(form(), '/uploads/images/b.jpg');
    expect(isOutOfDate(other, clip(form(), { image_url: null }), { ...now, style: 'noir' })).toBe(false);
    expect(isOutOfDate(shot(form({ prompt: 'snow' })), clip(null), now)).toBe(false);
  });

  it('before the server has told what "" stands for', () => {
    expect(isOutOfDate(shot(form()), clip(form({ provider: 'kling' })), { ...now, options: null })).toBe(false);
  });
});

describe('a clip is out of date', () => {
  it.each<[string, FormData, FormData]>([
    ['after another word', form({ prompt: 'snow' }), form()],
    ['after another provider', form({ provider: 'kling' }), form()],
    ['after another model', form({ model: 'turbo' }), form()],
    ['after another resolution', form({ model: 'turbo', resolution: '1080p' }), form({ model: 'turbo' })],
    ['with sound', form({ audio: true }), form()],
    ['where "" stands for another provider by now', form(), form({ provider: 'kling' })],
  ])('%s', (_how, wanted, made) => {
    const maker = made.provider === 'kling' ? { provider: 'kling', model: 'kling-3.0' } : {};
    expect(isOutOfDate(shot(wanted), clip(made, maker), now)).toBe(true);
  });

  it('after another picture, without one, and after another style', () => {
    expect(isOutOfDate(shot(form(), '/uploads/images/b.jpg'), clip(form()), now)).toBe(true);
    expect(isOutOfDate(shot(form(), null), clip(form()), now)).toBe(true);
    expect(isOutOfDate(shot(form()), clip(form()), { ...now, style: 'noir' })).toBe(true);
  });
});

describe('a clip that continues the shot before', () => {
  const linked = form({ start: 'previous', end: 'next' });
  const made = clip(linked, {
    image_url: '/uploads/images/frame.png',
    from_attempt_id: 'a',
    from_s: null,
    end_image_url: '/uploads/images/b.jpg',
  });
  const isOld = (neighbours: Neighbours) => isOutOfDate(shot(linked, null), made, { ...now, neighbours });

  it('is up to date while the shots beside it are what they were', () => {
    expect(isOld({ previous: beside('a'), next: beside('b') })).toBe(false);
  });

  it.each<[string, Neighbours]>([
    ['another take is in the film there', { previous: beside('c'), next: beside('b') }],
    ['that one ends earlier', { previous: beside('a', { out_s: 2 }), next: beside('b') }],
    ['that one was deleted', { previous: null, next: beside('b') }],
    ['the shot after has another picture', { previous: beside('a'), next: beside('c') }],
  ])('is out of date where %s', (_what, neighbours) => {
    expect(isOld(neighbours)).toBe(true);
  });
});

it('names what a model cannot make, and one that can make the whole shot', () => {
  const wanted = form({ provider: 'kling', model: 'kling-2.6', duration_s: 7, audio: true });
  expect(formFaults({ options }, wanted)).toMatchObject([
    { field: 'duration_s', rule: 'not_offered', model: 'kling-2.6', other: 'kling-3.0' },
    { field: 'audio', rule: 'not_offered', model: 'kling-2.6', other: 'kling-3.0' },
  ]);
});

it('names a provider and a model that the server does not have', () => {
  expect(formFaults({ options }, form({ provider: 'gone' }))).toMatchObject([{ field: 'provider' }]);
  expect(formFaults({ options }, form({ model: 'gone' }))).toMatchObject([{ field: 'model' }]);
  expect(formFaults({ options: null }, form({ provider: 'gone' }))).toEqual([]);
});

it('keeps at another provider what that can do, and drops its model and the rest', () => {
  const chosen = form({ provider: 'kling', model: 'kling-2.6', resolution: '1080p', audio: true });
  expect(atProvider(chosen, 'runway', runway)).toEqual({ provider: 'runway', model: '', resolution: '', audio: false });
  const atKling = form({ model: 'turbo', resolution: '1080p', audio: true });
  expect(atProvider(atKling, 'kling', kling)).toEqual({
    provider: 'kling',
    model: '',
    resolution: '1080p',
    audio: true,
  });
});
