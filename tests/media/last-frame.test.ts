import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { config } from '../../src/config';
import { ffmpegPath } from '../../src/media/ffmpeg';
import { imageFile } from '../../src/media/images';
import { storeLastFrame } from '../../src/media/last-frame';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';

const run = (parameters: string[]) => promisify(execFile)(ffmpegPath()!, ['-v', 'error', '-y', ...parameters]);
const open = () => new AbortController().signal;

/** How much lighter each frame of a clip is than the one before it, and how far a codec may be from that. */
const step = 4;
const tolerance = 1.5;

type Kind = Partial<{ frames: number; rate: string; sound: number; output: string }>;
const clips = new Map<string, Promise<string>>();

/** The attempt of a clip of that kind, whose frame n is gray of 16 + 4 n, where a download would put it. */
function makeClip(kind: Kind = {}): Promise<string> {
  const key = JSON.stringify(kind);
  const made = clips.get(key) ?? encode(`clip${clips.size + 1}`, kind);
  clips.set(key, made);
  return made;
}

async function encode(attemptId: string, { frames = 40, rate = '25', sound, output = '' }: Kind): Promise<string> {
  const gray = `color=c=black:s=64x64:r=${rate},format=gray,geq=lum='16+${step}*N',trim=end_frame=${frames}`;
  const encoding = `${output} -c:v libx264 -pix_fmt yuv420p -qp 1 -color_range tv`.trim().split(' ');
  const heard = sound ? ['-f', 'lavfi', '-i', `sine=duration=${sound}`, '-c:a', 'aac'] : [];
  await run(['-f', 'lavfi', '-i', gray, ...heard, ...encoding, '-f', 'mp4', videoFile(attemptId)]);
  return attemptId;
}

/** The number of the frame that was stored; the picture is as light as nothing but that frame. */
async function frameOf(attemptId: string, endS: number | null, lengthS: number | null): Promise<number> {
  const image = await storeLastFrame(attemptId, { endS, lengthS }, open());
  const { channels } = await sharp(imageFile(image)).stats();
  const [first = 0, second = 0] = await graysOf(attemptId);
  const number = (channels[1]!.mean - first) / (second - first);
  expect(Math.abs(number - Math.round(number))).toBeLessThan(tolerance / step);
  return Math.round(number);
}

/** How light the frames of a clip are once they are decoded and made RGB, as pictures are. */
async function graysOf(attemptId: string): Promise<number[]> {
  const raw = ['-i', videoFile(attemptId), '-vsync', 'passthrough', '-vf', 'scale=1:1', '-pix_fmt', 'rgb24'];
  const options = { encoding: 'buffer' } as const;
  const { stdout } = await promisify(execFile)(ffmpegPath()!, ['-v', 'error', ...raw, '-f', 'rawvideo', '-'], options);
  return [...stdout].filter((_, index) => index % 3 === 0);
}

beforeAll(makeUploadFolders);

test.each<[string, Kind, number | null]>([
  ['a silent clip', {}, 1.6],
  ['a clip whose length is not known', {}, null],
  ['a clip whose sound is longer than its picture', { sound: 4 }, 1.6],
  ['a clip whose sound is longer, and whose length is taken from the sound', { sound: 8 }, 8],
  ['a clip that claims to be longer than it is', {}, 30],
  ['a clip that claims to be shorter than it is', { frames: 55, rate: '10' }, 1],
  ['a clip with frames out of order', { output: '-bf 3 -g 20' }, 1.6],
  ['a clip of the rate of films', { rate: '24000/1001' }, 1.668],
  ['a clip of one frame', { frames: 1 }, 0.04],
  ['a clip in fragments', { output: '-g 10 -movflags +frag_keyframe+empty_moov' }, 1.6],
])('the last frame of %s is the last one that decodes', async (_, kind, lengthS) => {
  const attemptId = await makeClip(kind);
  const { frames = 40 } = kind;
  if (frames > 1) expect(await frameOf(attemptId, null, lengthS)).toBe(frames - 1);
  else expect(await storeLastFrame(attemptId, { endS: null, lengthS }, open())).toMatch(/^uploads\/images\//);
});

test.each([
  ['at a frame', 1, 24],
  ['between two frames', 1.01, 25],
  ['at a frame, in milliseconds', 0.04, 0],
  ['one frame after the beginning', 0.08, 1],
  ['before its first frame has ended', 0.01, 0],
  ['at its end', 1.6, 39],
  ['beyond its end', 9, 39],
])('the last frame of a cut that ends %s begins before that', async (_, endS, expected) => {
  expect(await frameOf(await makeClip(), endS, 1.6)).toBe(expected);
});

test.each([
  ['0.042, where the second frame begins at 1/24 s', 0.042, 0],
  ['0.083, where the third frame begins at 2/24 s', 0.083, 1],
  ['0.084, where the third frame begins at 2/24 s', 0.084, 1],
  ['1.542, where a frame begins at 37/24 s', 1.542, 36],
])(
  'a cut is stored in milliseconds, and its last frame is the one before it at 24 frames a second: %s',
  async (_, endS, expected) => {
    expect(await frameOf(await makeClip({ rate: '24' }), endS, 1.667)).toBe(expected);
  },
);

describe('a clip whose rate varies', () => {
  /** Frames 0 to 4 at each 0.04 s, then one each second from 1 s on, the last one at 5 s. */
  const varying = () =>
    makeClip({
      frames: 10,
      output: "-vf setpts='if(lt(N,5),N/25/TB,(N-4)/TB)' -vsync vfr -video_track_timescale 1000",
    });

  test.each([
    ['at its end', null, 5, 9],
    ['at its end, of which more is claimed', null, 9, 9],
    ['where a frame is shown for long', 3.9, 5, 7],
    ['within the quick frames', 0.1, 5, 2],
    ['long after the quick frames', 0.9, 5, 4],
  ])('a clip whose rate varies is cut %s', async (_, endS, lengthS, expected) => {
    expect(await frameOf(await varying(), endS, lengthS)).toBe(expected);
  });

  test('a last frame that is shown for longer than is looked at first is found', async () => {
    const attemptId = await makeClip({
      frames: 3,
      output: "-vf setpts='if(lt(N,2),N/25/TB,6/TB)' -vsync vfr -video_track_timescale 1000",
    });
    expect(await frameOf(attemptId, 5.5, 6)).toBe(1);
  });
});

test('frames that an edit list cuts off are not taken', async () => {
  const whole = await makeClip({ frames: 50, output: '-g 250 -bf 2' });
  await run(['-ss', '0.52', '-i', videoFile(whole), '-t', '1', '-c', 'copy', '-f', 'mp4', videoFile('shortened')]);
  const grays = await graysOf('shortened');
  const image = await storeLastFrame('shortened', { endS: null, lengthS: 1 }, open());
  const { channels } = await sharp(imageFile(image)).stats();
  expect(Math.abs(channels[0]!.mean - grays.at(-1)!)).toBeLessThan(tolerance);
});

test('the frame is a PNG of the sides of the clip, named like any image, with nothing else in it', async () => {
  const attemptId = await makeClip({ output: '-metadata title=secret -metadata comment=secret' });
  const image = await storeLastFrame(attemptId, { endS: null, lengthS: 1.6 }, open());
  expect(image).toMatch(/^uploads\/images\/[0-9a-f]{32}\.png$/);
  const found = await sharp(imageFile(image)).metadata();
  expect(found).toMatchObject({ format: 'png', width: 64, height: 64 });
  for (const part of ['exif', 'icc', 'iptc', 'xmp', 'comments'] as const) expect(found[part]).toBeUndefined();
  expect((await sharp(imageFile(image)).toBuffer()).includes('secret')).toBe(false);
});

test('the same frame twice is two files, so that neither goes with the shot of the other', async () => {
  const attemptId = await makeClip();
  const where = { endS: null, lengthS: 1.6 };
  const [one, two] = await Promise.all([
    storeLastFrame(attemptId, where, open()),
    storeLastFrame(attemptId, where, open()),
  ]);
  expect(one).not.toBe(two);
});

test.each([
  ['no video', () => writeFile(videoFile('broken'), 'no video'), 'broken'],
  [
    'sound alone',
    () => run(['-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac', '-f', 'mp4', videoFile('sound')]),
    'sound',
  ],
  ['not there', () => Promise.resolve(), 'missing'],
])('a clip that is %s has no last frame, and leaves no file behind', async (_, make, attemptId) => {
  await make();
  const before = readdirSync(config.UPLOAD_DIR, { recursive: true }).sort();
  for (const lengthS of [1, 9])
    await expect(storeLastFrame(attemptId, { endS: null, lengthS }, open())).rejects.toThrow();
  expect(readdirSync(config.UPLOAD_DIR, { recursive: true }).sort()).toEqual(before);
});

test('a stop ends the work on a frame, and the next one is taken', async () => {
  const attemptId = await makeClip();
  const stop = new AbortController();
  stop.abort();
  await expect(storeLastFrame(attemptId, { endS: null, lengthS: 1.6 }, stop.signal)).rejects.toThrow();
  expect(await frameOf(attemptId, null, 1.6)).toBe(39);
  expect(readdirSync(path.join(config.UPLOAD_DIR, 'tmp'))).toEqual([]);
});
