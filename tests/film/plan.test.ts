import { emptyForm } from '../../src/contract/defaults';
import type { FilmSettings } from '../../src/contract/film';
import { newFilmSettings } from '../../src/contract/defaults';
import type { Video } from '../../src/contract/video';
import { idleVideo } from '../../src/contract/defaults';
import { wholeClip } from '../../src/contract/defaults';
import { captionsOf, durationOf, layersAt, planFilm, sizeOf, type Shot } from '../../src/film/plan';

const settings = (more: Partial<FilmSettings> = {}): FilmSettings => ({ ...newFilmSettings, ...more });
const clip = (seconds: number | null): Video => ({
  ...idleVideo,
  status: 'completed',
  file_duration_s: seconds,
  form_data: { ...emptyForm, duration_s: 10 },
});
let shots = 0;
const shot = (fields: Partial<Shot>): Shot => ({
  _id: String(++shots),
  image_url: null,
  form_data: emptyForm,
  cut: wholeClip,
  video: idleVideo,
  takes: [],
  ...fields,
});
const framesOf = (fields: Partial<Shot>, more: Partial<FilmSettings> = {}): number =>
  planFilm([shot(fields)], settings(more)).frames;

test.each([
  ['a picture is shown for the seconds of its form', { image_url: '/x.png' }, 120],
  ['a clip is shown for the length of its file', { video: clip(5.0417) }, 121],
  ['half a frame counts as a whole one', { video: clip(120.5 / 24) }, 121],
  ['a clip whose file has not been read counts as long as it was asked for', { video: clip(null) }, 240],
  ['the first take is shown while there is no video', { takes: [clip(2)], image_url: '/x.png' }, 48],
  ['a cut shortens a clip at both ends', { video: clip(5), cut: { ...wholeClip, in_s: 1, out_s: 3.5 } }, 60],
  ['an end beyond the file is its end', { video: clip(5), cut: { ...wholeClip, in_s: 1, out_s: 9 } }, 96],
  ['an end before the beginning leaves one frame', { video: clip(5), cut: { ...wholeClip, in_s: 3, out_s: 1 } }, 1],
  ['a beginning after the end leaves one frame', { video: clip(5), cut: { ...wholeClip, in_s: 7 } }, 1],
  ['a cut does not apply to a picture', { image_url: '/x.png', cut: { ...wholeClip, in_s: 1, out_s: 2 } }, 120],
])('%s', (_, fields, frames) => {
  expect(framesOf(fields)).toBe(frames);
});

test('a shot with neither clip nor picture is left out and named', () => {
  const empty = shot({});
  const plan = planFilm([shot({ video: clip(1) }), empty, shot({ video: clip(1) })], settings());
  expect(plan).toMatchObject({ frames: 48, leftOut: [empty._id] });
  expect(plan.shots.map(({ start }) => start)).toEqual([0, 24]);
});

test('a crossfade overlaps two shots, by half of the shorter at most', () => {
  const three = [shot({ video: clip(5) }), shot({ video: clip(0.5) }), shot({ video: clip(5) })];
  const plan = planFilm(three, settings({ transition: 'crossfade', transition_ms: 1000 }));
  expect(plan.shots.map(({ start, frames, overlap }) => [start, frames, overlap])).toEqual([
    [0, 120, 0],
    [114, 12, 6],
    [120, 120, 6],
  ]);
  expect(plan.frames).toBe(240);
});

test.each([
  ['fade_black', 48],
  ['cut', 48],
  ['crossfade', 36],
] as const)('a film of two seconds with %s has %i frames', (transition, frames) => {
  const two = [shot({ video: clip(1) }), shot({ video: clip(1) })];
  expect(planFilm(two, settings({ transition })).frames).toBe(frames);
});

test('the length of a film is given to the millisecond', () => {
  const plan = planFilm([shot({ video: clip(1.01) }), shot({ video: clip(1.01) })], settings({ fps: 30 }));
  expect(durationOf(plan, 30)).toBe(2);
  expect(durationOf({ ...plan, frames: 61 }, 30)).toBe(2.033);
});

test('a frame of a crossfade shows both shots, each at its own place in its clip', () => {
  const timing = settings({ transition: 'crossfade', transition_ms: 1000 });
  const first = shot({ video: clip(5), cut: { ...wholeClip, in_s: 2 } });
  const plan = planFilm([first, shot({ video: clip(3), cut: { ...wholeClip, in_s: 1 } })], timing);
  expect(layersAt(plan, 47, timing)).toMatchObject([{ index: 0, opacity: 1, gain: 1 }]);
  expect(layersAt(plan, 54, timing)).toEqual([
    { index: 0, atS: 4.25, opacity: 1, gain: 0.75 },
    { index: 1, atS: 1.25, opacity: 0.25, gain: 0.25 },
  ]);
  expect(layersAt(plan, 72, timing)).toEqual([{ index: 1, atS: 2, opacity: 1, gain: 1 }]);
});

test('a fade through black is dark at the cut, and never at the beginning or the end of the film', () => {
  const timing = settings({ transition: 'fade_black', transition_ms: 1000 });
  const plan = planFilm([shot({ video: clip(2) }), shot({ image_url: '/x.png' })], timing);
  const light = (frame: number) => layersAt(plan, frame, timing)[0]!.opacity;
  expect([0, 36, 42, 48, 54, 60, 167].map(light)).toEqual([1, 1, 0.5, 0, 0.5, 1, 1]);
});

test('nothing is shown of a film without shots', () => {
  expect(layersAt(planFilm([], settings()), 0, settings())).toEqual([]);
});

test('a caption is shown as long as its shot, overlaps apart', () => {
  const shots = [
    { caption: 'One', frames: 48, overlap: 0 },
    { caption: ' ', frames: 24, overlap: 0 },
    { caption: 'Three', frames: 48, overlap: 12 },
    { caption: 'Nothing but overlaps', frames: 12, overlap: 6 },
    { caption: 'Five', frames: 48, overlap: 6 },
  ];
  expect(captionsOf(shots)).toEqual([
    { text: 'One', start: 0, end: 48 },
    { text: 'Three', start: 72, end: 102 },
    { text: 'Five', start: 114, end: 156 },
  ]);
});

test.each([
  ['16:9', '1080p', 1920, 1080],
  ['9:16', '1080p', 1080, 1920],
  ['1:1', '1080p', 1080, 1080],
  ['4:3', '1080p', 1440, 1080],
  ['3:4', '1080p', 1080, 1440],
  ['21:9', '1080p', 2520, 1080],
  ['16:9', '720p', 1280, 720],
  ['21:9', '2160p', 5040, 2160],
] as const)('a film of %s in %s is %i x %i', (ratio, resolution, width, height) => {
  expect(sizeOf(ratio, resolution)).toEqual({ width, height });
});
