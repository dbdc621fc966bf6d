import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { config } from '../../src/config';
import { emptyForm, idleVideo, newFilmSettings, wholeClip } from '../../src/contract/defaults';
import type { ExportOptions } from '../../src/contract/export';
import type { FilmSettings } from '../../src/contract/film';
import type { Cut } from '../../src/contract/workspace';
import type { Shot } from '../../src/film/plan';
import { makeRecipe } from '../../src/film/recipe';
import { renderFilm } from '../../src/film/render-film';
import { cachedFile, makeWorkFolder } from '../../src/media/exports';
import { ffmpegPath, filmProgram } from '../../src/media/ffmpeg';
import { makeUploadFolders } from '../../src/media/uploads';
import { makeClip, streamsOf } from '../helpers/film';

jest.setTimeout(60_000);

const run = promisify(execFile);
let count = 0;

const place = (folder: string, name: string, bytes: Buffer): string => {
  writeFileSync(path.join(config.UPLOAD_DIR, folder, name), bytes);
  return `/uploads/${folder}/${name}`;
};

const shotOf = (url: string, cut: Partial<Cut> = {}, seconds = 1): Shot => ({
  _id: `${++count}`,
  image_url: null,
  form_data: emptyForm,
  cut: { ...wholeClip, ...cut },
  video: { ...idleVideo, status: 'completed', url, file_duration_s: seconds },
  takes: [],
});

const pictureOf = (url: string): Shot => ({
  ...shotOf(''),
  image_url: url,
  video: idleVideo,
  form_data: { ...emptyForm, duration_s: 2 },
});

/** Renders a film in a folder that stays until the next one. */
async function render(shots: Shot[], settings: Partial<FilmSettings> = {}, options: Partial<ExportOptions> = {}) {
  const { recipe } = makeRecipe({ ...newFilmSettings, resolution: '720p', ...settings }, shots, options);
  const folder = await makeWorkFolder('test', ++count);
  const signal = new AbortController().signal;
  const program = filmProgram(true);
  return renderFilm(recipe, { program, folder, signal, onProgress: () => undefined });
}

/** The grey pixels of one frame. */
async function frameOf(file: string, second: number): Promise<(left: number, top: number) => number> {
  const output = ['-frames:v', '1', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'];
  const { stdout } = await run(ffmpegPath()!, ['-v', 'error', '-ss', String(second), '-i', file, ...output], {
    encoding: 'buffer',
    maxBuffer: 2 ** 26,
  });
  return (left, top) => stdout[top * 1280 + left]!;
}

/** How loud a tone is in a part of a film, in decibels. */
async function loudnessOf(file: string, hertz: number, second: number, seconds: number): Promise<number> {
  const part = ['-ss', String(second), '-t', String(seconds), '-i', file];
  const band = `bandpass=f=${hertz}:width_type=h:w=40,volumedetect`;
  const { stderr } = await run(ffmpegPath()!, ['-hide_banner', ...part, '-vn', '-af', band, '-f', 'null', '-']);
  return Number(/mean_volume: (-?[\d.]+) dB/.exec(stderr)![1]);
}

async function soundFile(name: string, filter: string): Promise<string> {
  const file = path.join(config.UPLOAD_DIR, 'audio', name);
  mkdirSync(path.dirname(file), { recursive: true });
  await run(ffmpegPath()!, ['-v', 'error', '-y', '-f', 'lavfi', '-i', filter, file]);
  return `/uploads/audio/${name}`;
}

beforeAll(makeUploadFolders);

test('burned captions stand in the lower third, with markup as text', async () => {
  const url = place('videos', 'plain.mp4', await makeClip({ seconds: 1 }));
  const captioned = await render([shotOf(url, { caption: '海 <b>sea</b>' })], {}, { captions: 'burned' });
  const at = await frameOf(captioned.file, 0.5);
  const isBright = (top: number) =>
    Array.from({ length: 1280 }, (_, left) => at(left, top)).some((value) => value > 200);
  const rows = Array.from({ length: 720 }, (_, top) => top).filter(isBright);
  expect(rows.length).toBeGreaterThan(15);
  expect(rows[0]).toBeGreaterThan(480);
  const bare = await frameOf((await render([shotOf(url)])).file, 0.5);
  expect(bare(640, rows[10]!)).toBeLessThan(100);
});

test('a character that no font has is named', async () => {
  const url = place('videos', 'rare.mp4', await makeClip({ seconds: 1 }));
  await expect(
    render([shotOf(url, { caption: 'a \u{e123}\u{10fffd}' })], {}, { captions: 'burned' }),
  ).resolves.toBeDefined();
  await expect(render([shotOf(url, { caption: 'a \u{12000}' })], {}, { captions: 'burned' })).rejects.toThrow(
    'No installed font has the characters "\u{12000}"',
  );
});

test('captions as a track can be switched on, and a silent film has no sound', async () => {
  const url = place('videos', 'silent.mp4', await makeClip({ seconds: 1, isSilent: true, output: '-c:v libx264' }));
  const made = await render([shotOf(url, { caption: 'Night' })], {}, { captions: 'track' });
  expect(made.hasAudio).toBe(false);
  expect((await streamsOf(made.file)).map(({ codec_name: name }) => name)).toEqual(['h264', 'mov_text']);
});

test('a picture is shown for its seconds, between clips with and without sound', async () => {
  const picture = await sharp({ create: { width: 301, height: 401, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
  const still = place('images', 'still.png', picture);
  const silent = place('videos', 'quiet.mp4', await makeClip({ seconds: 1, isSilent: true, output: '-c:v libx264' }));
  const loud = place('videos', 'loud.mp4', await makeClip({ seconds: 1 }));
  const made = await render([shotOf(silent), pictureOf(still), shotOf(loud)], { fit: 'pad' });
  const [video, sound] = await streamsOf(made.file);
  expect([video!.nb_read_frames, video!.duration, sound!.duration]).toEqual(['96', '4.000000', '4.000000']);
  const at = await frameOf(made.file, 2);
  expect(at(640, 360)).toBeGreaterThan(220);
  expect(at(20, 360)).toBeLessThan(30);
});

test.each([
  ['pad', (edge: number) => edge < 30],
  ['crop', (edge: number) => edge > 220],
  ['blur', (edge: number) => edge > 150],
] as const)('with %s, the edge of a picture of another ratio is as it says', async (fit, isRight) => {
  const picture = await sharp({ create: { width: 400, height: 400, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
  const made = await render([pictureOf(place('images', `${fit}.png`, picture))], { fit });
  const at = await frameOf(made.file, 1);
  expect(isRight(at(10, 360))).toBe(true);
  expect(at(640, 360)).toBeGreaterThan(220);
});

test('music is repeated, gives way to clip sound by 6 dB or more, and fades out; the whole is as loud as films are', async () => {
  const music_url = await soundFile('m.wav', 'sine=f=300:d=1.5');
  const file = path.join(config.UPLOAD_DIR, 'videos', 'tone.mp4');
  const picture = 'color=c=gray:s=320x180:r=24:d=3';
  const parameters = [
    '-f',
    'lavfi',
    '-i',
    picture,
    '-f',
    'lavfi',
    '-i',
    'sine=f=1000:d=3',
    '-shortest',
    '-pix_fmt',
    'yuv420p',
  ];
  await run(ffmpegPath()!, ['-v', 'error', '-y', ...parameters, file]);
  const silent = place('videos', 'still.mp4', await makeClip({ seconds: 3, isSilent: true, output: '-c:v libx264' }));
  const settings = { music_url, music_fade_out_s: 1 };
  const made = await render([shotOf('/uploads/videos/tone.mp4', {}, 3), shotOf(silent, {}, 3)], settings);
  const under = await loudnessOf(made.file, 300, 1, 1.5);
  const alone = await loudnessOf(made.file, 300, 4, 0.8);
  expect(alone - under).toBeGreaterThan(6);
  expect(alone - under).toBeLessThan(14);
  expect(await loudnessOf(made.file, 300, 5.8, 0.2)).toBeLessThan(alone - 6);
  const measured = ['-hide_banner', '-i', made.file, '-vn', '-af', 'ebur128=framelog=verbose', '-f', 'null', '-'];
  const { stderr } = await run(ffmpegPath()!, measured);
  expect(Math.abs(Number(/I:\s+(-[\d.]+) LUFS/.exec(stderr.slice(stderr.indexOf('Summary')))![1]) + 16)).toBeLessThan(
    1,
  );
});

test('after one shot has changed, only its pieces are encoded', async () => {
  const pieces = () => readdirSync(cachedFile('.')).filter((name) => /^[0-9a-f]{40}\.mp4$/.test(name));
  const urls = [];
  for (const at of [0, 0.3, 0.6]) urls.push(place('videos', `c${at * 10}.mp4`, await makeClip({ seconds: 1, at })));
  const shots = urls.map((url) => shotOf(url));
  const before = pieces().length;
  await render(shots);
  expect(pieces()).toHaveLength(before + 3);
  const changed = [shots[0]!, { ...shots[1]!, cut: { ...wholeClip, in_s: 0.25 } }, shots[2]!];
  await render(changed);
  expect(pieces()).toHaveLength(before + 4);
  await render(changed);
  expect(pieces()).toHaveLength(before + 4);
});

test('a clip that is shorter than its facts say holds its last frame', async () => {
  const url = place('videos', 'short.mp4', await makeClip({ seconds: 1 }));
  const [video, sound] = await streamsOf((await render([shotOf(url, {}, 2)])).file);
  expect([video!.nb_read_frames, sound!.duration]).toEqual(['48', '2.000000']);
});

test('a shot that begins after the last frame of its clip has begun shows that frame', async () => {
  const url = place('videos', 'late.mp4', await makeClip({ seconds: 1 }));
  const { file } = await render([shotOf(url, { in_s: 0.99 })], { fps: 60 });
  expect((await streamsOf(file))[0]).toMatchObject({ nb_read_frames: '1' });
});

test('a clip that is gone is named before anything is encoded', async () => {
  const shot = shotOf('/uploads/videos/gone.mp4');
  await expect(render([shot])).rejects.toMatchObject({ code: 'CLIP_MISSING', details: [{ path: shot._id }] });
});
