import { existsSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { config } from '../../src/config';
import { ffmpegPath } from '../../src/media/ffmpeg';
import { makePlayable } from '../../src/media/playable';
import { makeUploadFolders } from '../../src/media/uploads';
import { adoptVideo, makePoster, videoFile } from '../../src/media/videos';
import { asMov, hashOfPictures, makeVideo, streamsOf, type VideoKind } from '../fixtures/videos';

jest.setTimeout(60_000);

const open = () => new AbortController().signal;
const filesIn = (part: string) => readdirSync(path.join(config.UPLOAD_DIR, part)).sort();
const filesOf = (attemptId: string) => filesIn('videos').filter((name) => name.startsWith(`${attemptId}.`));

let attempts = 0;
/** Puts a video where a download would put it. */
async function store(bytes: Buffer): Promise<string> {
  const attemptId = `attempt${++attempts}`;
  const file = path.join(config.UPLOAD_DIR, 'tmp', attemptId);
  writeFileSync(file, bytes);
  await adoptVideo({ file, attemptId });
  return attemptId;
}

/** The names of the boxes at the top of an mp4. */
function boxesOf(bytes: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at))
    names.push(bytes.toString('latin1', at + 4, at + 8));
  return names;
}

beforeAll(makeUploadFolders);

test.each<VideoKind>([
  'H.264 in MP4',
  'H.264 and AAC in MOV',
  'H.264 with its index first',
  'H.264 in fragments',
  'H.264 of varying rate',
])('a clip of %s is left as it came, byte for byte', async (kind) => {
  const bytes = await makeVideo(kind);
  const attemptId = await store(bytes);
  await makePlayable(attemptId, open());
  expect(readFileSync(videoFile(attemptId))).toEqual(bytes);
  expect(filesOf(attemptId)).toEqual([`${attemptId}.mp4`]);
});

describe.each<[string, VideoKind, string, number]>([
  ['HEVC', 'HEVC', 'mp4', 2],
  ['VP9 and Opus in WebM', 'VP9 and Opus in WebM', 'webm', 2],
  ['VP8 in WebM', 'VP8 in WebM', 'webm', 1],
  ['VP9 in MP4', 'VP9 in MP4', 'mp4', 1],
  ['VP9 in MOV', 'VP9 in MP4', 'mov', 1],
  ['H.264 of 10 bits', 'H.264 of 10 bits', 'mp4', 1],
  ['H.264 in 4:4:4', 'H.264 in 4:4:4', 'mp4', 1],
  ['ProRes and PCM in MOV', 'ProRes and PCM in MOV', 'mov', 2],
  ['H.264 and PCM in MOV', 'H.264 and PCM in MOV', 'mov', 2],
  ['odd sides', 'odd sides', 'mp4', 1],
])('a clip of %s', (name, kind, ext, streamCount) => {
  test(`a clip of ${name} is made playable, and what came is kept beside it`, async () => {
    const made = await makeVideo(kind);
    const bytes = name === 'VP9 in MOV' ? asMov(made) : made;
    const attemptId = await store(bytes);
    await makePlayable(attemptId, open());

    const streams = await streamsOf(videoFile(attemptId));
    expect(streams).toHaveLength(streamCount);
    expect(streams[0]).toMatch(/^Video: h264 .*, yuvj?420p[(,].*, 320x180/);
    if (streamCount === 2) expect(streams[1]).toMatch(/^Audio: aac/);
    const boxes = boxesOf(readFileSync(videoFile(attemptId)));
    expect(boxes.indexOf('moov')).toBeLessThan(boxes.indexOf('mdat'));

    const original = `${attemptId}.original.${ext}`;
    expect(filesOf(attemptId)).toEqual([`${attemptId}.mp4`, original]);
    expect(readFileSync(path.join(config.UPLOAD_DIR, 'videos', original))).toEqual(bytes);
    expect(filesIn('tmp')).toEqual([]);
    expect(await makePoster(attemptId)).not.toBeNull();
  });
});

test('a clip with playable pictures has them copied, and only its sound encoded', async () => {
  const attemptId = await store(await makeVideo('H.264 and PCM in MOV'));
  const before = await hashOfPictures(videoFile(attemptId));
  await makePlayable(attemptId, open());
  expect(await hashOfPictures(videoFile(attemptId))).toBe(before);
});

test('a clip that cannot be made playable is kept and served as it came', async () => {
  const bytes = await makeVideo('HEVC');
  bytes.fill(
    0,
    bytes.indexOf('mdat') + 4,
    bytes.indexOf('moov') > bytes.indexOf('mdat') ? bytes.indexOf('moov') - 4 : undefined,
  );
  const attemptId = await store(bytes);
  await makePlayable(attemptId, open());
  expect(readFileSync(videoFile(attemptId))).toEqual(bytes);
  expect(filesOf(attemptId)).toEqual([`${attemptId}.mp4`]);
  expect(filesIn('tmp')).toEqual([]);
});

test('a stop in the middle leaves the clip as it came and no half file, and the next call makes it playable', async () => {
  const bytes = await makeVideo('long MPEG-4');
  const attemptId = await store(bytes);
  const stop = new AbortController();
  const watcher = watch(path.join(config.UPLOAD_DIR, 'videos'), () => stop.abort());
  await expect(makePlayable(attemptId, stop.signal)).rejects.toThrow();
  watcher.close();
  expect(stop.signal.aborted).toBe(true);
  expect(readFileSync(videoFile(attemptId)).equals(bytes)).toBe(true);
  expect(filesOf(attemptId)).toEqual([`${attemptId}.mp4`]);
  expect(filesIn('tmp')).toEqual([]);

  await makePlayable(attemptId, open());
  expect((await streamsOf(videoFile(attemptId)))[0]).toMatch(/^Video: h264/);
  expect(existsSync(path.join(config.UPLOAD_DIR, 'videos', `${attemptId}.original.mp4`))).toBe(true);
});

test('a clip is made playable although a crash came between keeping what came and replacing it', async () => {
  const bytes = await makeVideo('HEVC');
  const attemptId = await store(bytes);
  writeFileSync(path.join(config.UPLOAD_DIR, 'videos', `${attemptId}.original.mp4`), bytes);
  await makePlayable(attemptId, open());
  expect((await streamsOf(videoFile(attemptId)))[0]).toMatch(/^Video: h264/);
});

(process.platform === 'linux' ? test : test.skip)(
  'a clip that is made playable lets everything else of the machine go first, and the event loop too',
  async () => {
    const attemptId = await store(await makeVideo('long MPEG-4'));
    let turns = 0;
    let nice: number | undefined;
    const timer = setInterval(() => {
      turns++;
      nice ??= niceOfFfmpeg();
    }, 20);
    await makePlayable(attemptId, open());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
    expect(nice).toBe(15);
  },
);

/** Of a child of this process that encodes; field 19 of its line, behind the name in brackets. */
function niceOfFfmpeg(): number | undefined {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  for (const pid of children) {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    if (line.includes(`(${path.basename(ffmpegPath()!)}`)) return Number(line.split(') ')[1]!.split(' ')[16]);
  }
  return undefined;
}
