import { emptyForm, idleVideo, newFilmSettings, wholeClip } from '../../src/contract/defaults';
import type { FilmSettings } from '../../src/contract/film';
import { planFilm, sizeOf, type Shot } from '../../src/film/plan';
import { musicPieces, toSequence, type Media, type Sequence } from '../../src/film/sequence';

const media: Media = { path: 'x.mp4', width: 640, height: 360, lengthS: 9, fps: 24, hasAudio: false };
const clip = (seconds: number, caption = ''): Shot => ({
  _id: 'a'.repeat(24),
  image_url: null,
  form_data: emptyForm,
  cut: { ...wholeClip, caption },
  video: { ...idleVideo, status: 'completed', file_duration_s: seconds },
  takes: [],
});

function sequenceOf(shots: Shot[], more: Partial<FilmSettings>, musicS?: number): Sequence {
  const settings = { ...newFilmSettings, ...more };
  const plan = planFilm(shots, settings);
  const music = musicS === undefined ? null : { ...media, lengthS: musicS };
  const frame = { title: '', settings, music, ...sizeOf(settings.aspect_ratio, settings.resolution) };
  return toSequence(
    plan,
    plan.shots.map(() => media),
    frame,
  );
}

const rowsOf = ({ shots }: Sequence) => shots.map(({ from, to, join }) => [from, to, join && [join.start, join.end]]);

test('clips of a film with cuts touch', () => {
  expect(rowsOf(sequenceOf([clip(1), clip(2)], {}))).toEqual([
    [0, 24, null],
    [24, 72, null],
  ]);
});

test('a crossfade is cut in its middle, and each clip shows more on both sides of it', () => {
  expect(rowsOf(sequenceOf([clip(1), clip(2)], { transition: 'crossfade', transition_ms: 300 }))).toEqual([
    [0, 20, null],
    [20, 65, [17, 24]],
  ]);
});

test('even the shortest shot keeps a frame between two crossfades', () => {
  for (const lengths of [
    [1, 2 / 24, 2 / 24, 1],
    [3 / 24, 2 / 24, 3 / 24],
    [1 / 24, 1 / 24],
  ]) {
    const { shots } = sequenceOf(
      lengths.map((length) => clip(length)),
      { transition: 'crossfade', transition_ms: 2000 },
    );
    expect(shots.every(({ from, to }) => to > from)).toBe(true);
  }
});

test('a fade through black overlaps nothing, and takes at most half of a shot', () => {
  expect(rowsOf(sequenceOf([clip(1), clip(0.25)], { transition: 'fade_black', transition_ms: 1000 }))).toEqual([
    [0, 24, null],
    [24, 30, [21, 27]],
  ]);
});

test('music is repeated within its file up to the end of the film', () => {
  expect(musicPieces(sequenceOf([clip(5)], {}, 2.03))).toEqual([
    { start: 0, length: 48 },
    { start: 48, length: 48 },
    { start: 96, length: 24 },
  ]);
  expect(musicPieces(sequenceOf([clip(1)], {}, 60))).toEqual([{ start: 0, length: 24 }]);
});
