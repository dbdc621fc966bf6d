import { emptyForm, idleVideo, newFilmSettings, wholeClip } from '../../src/contract/defaults';
import type { FilmSettings } from '../../src/contract/film';
import type { Shot } from '../../src/film/plan';
import { keyOf, makeRecipe } from '../../src/film/recipe';

let shots = 0;
const shot = (fields: Partial<Shot> = {}): Shot => ({
  _id: String(++shots),
  image_url: null,
  form_data: emptyForm,
  cut: { ...wholeClip, caption: ' Night ' },
  video: { ...idleVideo, status: 'completed', url: '/uploads/videos/a.mp4', file_duration_s: 2 },
  takes: [],
  ...fields,
});
const settings = (more: Partial<FilmSettings> = {}): FilmSettings => ({ ...newFilmSettings, ...more });

test('the size of the picture is that of the ratio at the resolution', () => {
  const made = makeRecipe(settings({ aspect_ratio: '21:9', resolution: '720p' }), [shot()], {});
  expect(made.recipe).toMatchObject({ width: 1680, height: 720 });
});

test('options that are not given come from the film, and no captions', () => {
  const { options } = makeRecipe(settings({ resolution: '720p', fps: 30 }), [shot()], { fps: 50 });
  expect(options).toEqual({ captions: 'none', resolution: '720p', fps: 50 });
});

test('only what changes the file changes the key', () => {
  const one = shot();
  const keyFor = (film: Partial<FilmSettings>, changed: Partial<Shot> = {}) =>
    keyOf('film', makeRecipe(settings(film), [{ ...one, ...changed }], {}).recipe);
  const before = keyFor({});
  expect(keyFor({ style: 'noir', transition_ms: 900, music_volume: 0.1 })).toBe(before);
  expect(keyFor({}, { cut: { ...one.cut, caption: 'Day' } })).toBe(before);
  expect(keyFor({ fit: 'crop' })).not.toBe(before);
  expect(keyFor({}, { cut: { ...one.cut, in_s: 1 } })).not.toBe(before);
  expect(keyFor({}, { cut: { ...one.cut, volume: 0.5 } })).not.toBe(before);
  expect(keyFor({ music_url: '/uploads/audio/m.mp3' })).not.toBe(before);
  expect(keyFor({ music_url: '/uploads/audio/m.mp3', music_volume: 0 })).toBe(before);
});

test('a film with captions has those of its shots, trimmed', () => {
  expect(makeRecipe(settings(), [shot()], { captions: 'track' }).recipe.shots[0]).toMatchObject({ caption: 'Night' });
  expect(makeRecipe(settings(), [shot()], {}).recipe.shots[0]).toMatchObject({ caption: '' });
});
