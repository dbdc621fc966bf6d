import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { blank } from '../fixtures/pictures';
import { makeMedia, movingPicture, tone, withCover } from '../fixtures/sounds';
import { startServer } from '../helpers/server';
import { filesOf } from '../helpers/stored';
import { server, useServer } from '../helpers/tabs';

useServer();

const maxBytes = 100 * 1024 ** 2;
const lengthS = 2.5;
/** Encoders fill up their last frame, and put silence in front of the first. */
const slackS = 0.06;

const mimes = {
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
};
type Ext = keyof typeof mimes;
const exts = Object.keys(mimes) as Ext[];

const sounds = {} as Record<Ext, Buffer>;

beforeAll(async () => {
  for (const ext of exts) sounds[ext] = await makeMedia(tone(lengthS), '-ac 2', ext);
});

async function upload(bytes: Buffer, { name = 'music', field = 'audio', to = server } = {}) {
  const form = new FormData();
  form.append(field, new Blob([new Uint8Array(bytes)]), name);
  const reply = await fetch(`${to.url}/api/upload/audio`, { method: 'POST', body: form });
  return { status: reply.status, body: await reply.json() };
}

/** The error of an upload that must leave nothing behind. */
async function refusalOf(bytes: Buffer, options?: Parameters<typeof upload>[1]) {
  const to = options?.to ?? server;
  const before = await filesOf(to.folder);
  const { status, body } = await upload(bytes, options);
  expect(await filesOf(to.folder)).toEqual(before);
  return `${status} ${body.error?.code}`;
}

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2);

test.each(exts)('stores a file of type %s as it came, with its type and length', async (ext) => {
  const { status, body } = await upload(sounds[ext], { name: 'renamed.txt' });
  expect({ status, body }).toEqual({
    status: 201,
    body: {
      audio_path: expect.stringMatching(new RegExp(`^uploads/audio/[0-9a-f]{32}\\.${ext}$`)),
      audio_url: `/${body.audio_path}`,
      duration_s: expect.closeTo(lengthS, 1),
      size: sounds[ext].length,
      mime: mimes[ext],
    },
  });
  expect(Math.abs(body.duration_s - lengthS)).toBeLessThan(slackS);
  expect(await readFile(path.join(server.folder, body.audio_path))).toEqual(sounds[ext]);
  expect(await readdir(path.join(server.folder, 'uploads', 'tmp'))).toEqual([]);
});

test.each(exts)('serves a file of type %s with its type and in parts', async (ext) => {
  const { body } = await upload(sounds[ext]);
  const whole = await server.get(body.audio_url);
  expect(whole.status).toBe(200);
  expect(whole.headers.get('content-type')).toBe(mimes[ext]);
  expect(whole.headers.get('accept-ranges')).toBe('bytes');
  const part = await fetch(server.url + body.audio_url, { headers: { Range: 'bytes=100-199' } });
  expect(part.status).toBe(206);
  expect(part.headers.get('content-range')).toBe(`bytes 100-199/${sounds[ext].length}`);
  expect(Buffer.from(await part.arrayBuffer())).toEqual(sounds[ext].subarray(100, 200));
});

test.each<Ext>(['mp3', 'flac', 'm4a'])('a cover picture in a file of type %s is no video', async (ext) => {
  const { status, body } = await upload(await withCover(sounds[ext], ext));
  expect({ status, mime: body.mime }).toEqual({ status: 201, mime: mimes[ext] });
});

test('a cover picture is no video for the packaged ffmpeg, which does not mark it', async () => {
  const { path: program } = createRequire(__filename)('@ffmpeg-installer/ffmpeg') as { path: string };
  const own = await startServer({ FFMPEG_PATH: program });
  expect((await upload(await withCover(sounds.mp3, 'mp3'), { to: own })).status).toBe(201);
  await own.stop();
});

test.each([
  ['a WAV whose header claims an hour', (wav: Buffer) => claim(wav, 3600 * 44_100 * 4), lengthS],
  ['a WAV whose header claims no end', (wav: Buffer) => claim(wav, 0xffffffff), lengthS],
  ['half a WAV', half, lengthS / 2],
])('%s is as long as what is in it', async (_, change, expectedS) => {
  const { status, body } = await upload(change(sounds.wav));
  expect(status).toBe(201);
  expect(Math.abs(body.duration_s - expectedS)).toBeLessThan(0.002);
});

/** Writes another length into the `data` chunk of a WAV. */
function claim(wav: Buffer, bytes: number): Buffer {
  const changed = Buffer.from(wav);
  changed.writeUInt32LE(bytes, changed.indexOf('data') + 4);
  return changed;
}

test('half an MP3 is as long as what is left of it, whatever its head counts', async () => {
  const { status, body } = await upload(half(sounds.mp3));
  expect(status).toBe(201);
  expect(Math.abs(body.duration_s - lengthS / 2)).toBeLessThan(0.1);
});

test('refuses what is damaged or holds no sound', async () => {
  const noise = randomBytes(200_000);
  const silentMp4 = Buffer.from('\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00', 'latin1');
  const found = {
    'an M4A without its index': await refusalOf(half(sounds.m4a)),
    'the head of an M4A': await refusalOf(silentMp4),
    'the head of a WAV': await refusalOf(sounds.wav.subarray(0, 44)),
    'the head of a FLAC': await refusalOf(sounds.flac.subarray(0, 42)),
    'a FLAC of noise': await refusalOf(Buffer.concat([Buffer.from('fLaC'), noise])),
    'an Ogg of noise': await refusalOf(Buffer.concat([Buffer.from('OggS'), noise])),
    'noise behind the sync of an MP3': await refusalOf(Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x00]), noise])),
    'noise with a few frames of an MP3': await refusalOf(Buffer.concat([sounds.mp3.subarray(0, 4000), noise])),
    'noise behind the sync of AAC': await refusalOf(Buffer.concat([Buffer.from([0xff, 0xf1, 0x50, 0x80]), noise])),
    'a tag and nothing behind it': await refusalOf(Buffer.from('ID3\x04\x00\x00\x00\x00\x00\x01x text', 'latin1')),
  };
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, '422 AUDIO_UNREADABLE'])));
});

test('refuses every other type, whatever its name says', async () => {
  const encode = '-c:v libx264 -pix_fmt yuv420p';
  const found = {
    'an empty file': await refusalOf(Buffer.alloc(0)),
    'a text': await refusalOf(Buffer.from('hello'), { name: 'a.mp3' }),
    'a playlist': await refusalOf(Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'), { name: 'a.mp3' }),
    'a text in UTF-16': await refusalOf(Buffer.from('\ufeffhello', 'utf16le')),
    'a picture': await refusalOf(await blank(64, 64).jpeg().toBuffer(), { name: 'a.mp3' }),
    'an AVIF': await refusalOf(await blank(64, 64).avif({ effort: 0 }).toBuffer()),
    'an mp4 with sound': await refusalOf(await makeMedia(`${movingPicture} ${tone(1)}`, encode, 'mp4'), {
      name: 'a.m4a',
    }),
    'a silent mp4': await refusalOf(await makeMedia(movingPicture, encode, 'mp4'), { name: 'a.m4a' }),
    'a MOV': await refusalOf(await makeMedia(tone(1), '-c:a aac', 'mov')),
    'a WebM': await refusalOf(await makeMedia(tone(1), '-c:a libopus', 'webm')),
    'an MP2': await refusalOf(await makeMedia(tone(1), '', 'mp2')),
    'an AIFF': await refusalOf(await makeMedia(tone(1), '', 'aiff')),
    'an AVI': await refusalOf(await makeMedia(movingPicture, '-c:v mpeg4', 'avi')),
  };
  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, '415 UNSUPPORTED_FILE'])));
});

test('takes a file of exactly 100 MiB, and refuses one byte more', async () => {
  const wav = claim(sounds.wav, 0xffffffff);
  const exact = Buffer.concat([wav, Buffer.alloc(maxBytes - wav.length)]);
  const { status, body } = await upload(exact);
  expect({ status, size: body.size }).toEqual({ status: 201, size: maxBytes });
  expect(await refusalOf(Buffer.concat([exact, Buffer.alloc(1)]))).toBe('413 FILE_TOO_LARGE');
}, 60_000);

test('refuses a file in another field, and a request without one', async () => {
  expect(await refusalOf(sounds.mp3, { field: 'image' })).toBe('400 INVALID_INPUT');
  const { status, body } = await server.post('/api/upload/audio', {});
  expect(`${status} ${body.error.code}`).toBe('415 UNSUPPORTED_MEDIA_TYPE');
});

test('an upload that is broken off while it is decoded leaves nothing behind', async () => {
  const before = await filesOf(server.folder);
  const hangUp = new AbortController();
  const form = new FormData();
  const long = await makeMedia(tone(3000), '-c:a flac', 'flac');
  form.append('audio', new Blob([new Uint8Array(long)]), 'long.flac');
  const sent = fetch(`${server.url}/api/upload/audio`, { method: 'POST', body: form, signal: hangUp.signal });
  while ((await filesOf(server.folder)).length === before.length) await server.get('/api/options');
  hangUp.abort();
  await expect(sent).rejects.toThrow();
  let after = await filesOf(server.folder);
  for (; after.length > before.length; after = await filesOf(server.folder)) await server.get('/api/options');
  expect(after).toEqual(before);
  expect(await server.log()).not.toMatch(/request failed/);
});

(process.platform === 'win32' ? test.skip : test)('says what to do where there is no ffmpeg', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'no-ffmpeg-'));
  const broken = path.join(folder, 'ffmpeg');
  await writeFile(broken, '#!/bin/sh\nexit 1\n');
  await chmod(broken, 0o755);
  const own = await startServer({ FFMPEG_PATH: broken });
  const { status, body } = await upload(sounds.mp3, { to: own });
  expect(status).toBe(500);
  expect(body.error.message).toMatch(/FFMPEG_PATH .*restart the server/);
  expect(await filesOf(own.folder)).toEqual(expect.not.arrayContaining([expect.stringContaining('audio/')]));
  await own.stop();
});
