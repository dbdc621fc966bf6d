import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { unknownFacts } from '../../src/contract/defaults';
import { ffmpegPath } from '../../src/media/ffmpeg';
import { readFileFacts } from '../../src/media/file-facts';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';

const open = () => new AbortController().signal;
const folder = mkdtempSync(path.join(os.tmpdir(), 'file-facts-'));
const run = (parameters: string) =>
  promisify(execFile)(ffmpegPath()!, ['-v', 'error', '-y', ...parameters.split(' ')]).then(() => undefined);

const picture = (rate: string, seconds: number) => `-f lavfi -i testsrc2=size=320x180:rate=${rate}:duration=${seconds}`;
const tone = (seconds: number) => `-f lavfi -i sine=duration=${seconds}`;
const h264 = '-c:v libx264 -pix_fmt yuv420p';

let attempts = 0;
/** Has ffmpeg make a clip where a download would put it. */
async function make(parameters: string): Promise<string> {
  const attemptId = `attempt${++attempts}`;
  await run(`${parameters} -f mp4 ${videoFile(attemptId)}`);
  return attemptId;
}

/** Turns an mp4 by a quarter, in the matrix that stands 44 bytes behind the name of the first `tkhd`. */
function turn(attemptId: string): void {
  const bytes = readFileSync(videoFile(attemptId));
  const at = bytes.indexOf('tkhd') + 44;
  [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000].forEach((value, index) =>
    bytes.writeInt32BE(value, at + index * 4),
  );
  writeFileSync(videoFile(attemptId), bytes);
}

beforeAll(makeUploadFolders);

test.each<[string, string, object]>([
  ['a silent clip', `${picture('25', 2)} ${h264}`, { file_duration_s: 2, fps: 25, has_audio: false }],
  [
    'a clip with sound',
    `${picture('25', 2)} ${tone(2)} ${h264} -c:a aac`,
    { file_duration_s: 2, fps: 25, has_audio: true },
  ],
  [
    'a clip whose sound is longer than its picture',
    `${picture('25', 1)} ${tone(3)} ${h264} -c:a aac`,
    { file_duration_s: 1, fps: 25, has_audio: true },
  ],
  [
    'a clip with frames out of order',
    `${picture('25', 2)} ${h264} -bf 3 -g 20`,
    { file_duration_s: 2, fps: 25, has_audio: false },
  ],
  [
    'a clip of the rate of films',
    `${picture('24000/1001', 2)} ${h264}`,
    { file_duration_s: 2.002, fps: 23.976, has_audio: false },
  ],
  [
    'a clip whose rate varies, 11 frames in 22 places',
    `${picture('25', 1)} -vf select=not(mod(n\\,7))+lt(n\\,9) -vsync vfr ${h264}`,
    { file_duration_s: 0.88, fps: 12.5, has_audio: false },
  ],
  [
    'a clip in fragments',
    `${picture('30', 1)} ${h264} -g 10 -movflags +frag_keyframe+empty_moov`,
    { file_duration_s: 1, fps: 30, has_audio: false },
  ],
  ['a clip of one frame', `${picture('25', 1)} ${h264} -frames:v 1`, { file_duration_s: 0.04, fps: 25 }],
])('the facts of %s are those of its frames', async (_, parameters, facts) => {
  const attemptId = await make(parameters);
  expect(await readFileFacts(attemptId, open())).toEqual({
    width: 320,
    height: 180,
    has_audio: false,
    size: statSync(videoFile(attemptId)).size,
    ...facts,
  });
});

test('frames that an edit list cuts off do not count', async () => {
  const whole = path.join(folder, 'whole.mp4');
  await run(`${picture('25', 1)} ${h264} -g 250 -bf 2 ${whole}`);
  const attemptId = await make(`-ss 0.52 -i ${whole} -c copy`);
  const shown = path.join(folder, 'shown.txt');
  await run(`-i ${videoFile(attemptId)} -f framecrc ${shown}`);
  const frames = readFileSync(shown, 'utf8').match(/^0,/gm)!.length;
  expect(frames).toBeLessThan(15);
  expect(await readFileFacts(attemptId, open())).toMatchObject({ file_duration_s: frames / 25, fps: 25 });
});

test('the sides of a clip that is shown turned by a quarter are swapped', async () => {
  const attemptId = await make(`${picture('25', 1)} ${h264}`);
  turn(attemptId);
  expect(await readFileFacts(attemptId, open())).toMatchObject({ width: 180, height: 320, file_duration_s: 1 });
});

test('of a file that is no video, only the size is known', async () => {
  writeFileSync(videoFile('broken'), 'no video');
  expect(await readFileFacts('broken', open())).toEqual({ ...unknownFacts, size: 8 });
});

test('of a file that is not there, nothing is known', async () => {
  expect(await readFileFacts('missing', open())).toEqual(unknownFacts);
});

test('a stop ends the reading', async () => {
  const attemptId = await make(`${picture('25', 1)} ${h264}`);
  const stop = new AbortController();
  const reading = readFileFacts(attemptId, stop.signal);
  stop.abort();
  await expect(reading).rejects.toThrow();
  expect(await readFileFacts(attemptId, open())).toMatchObject({ file_duration_s: 1 });
});
