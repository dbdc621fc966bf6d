import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { blank } from '../fixtures/pictures';
import { makeMedia } from '../fixtures/sounds';
import { addShot, askPackage, newFilm, storedVideo, unzip } from '../helpers/packages';
import { server, useServer, type Message } from '../helpers/tabs';

// What other programs see in our packages: Python's zipfile and `unzip`, the OpenTimelineIO library with its adapter for Final
// Cut Pro 7, pyJianYingDraft and capcut-cli, in the versions that were read for the formats.

jest.setTimeout(300_000);

const run = promisify(execFile);
const script = path.join(__dirname, 'readers.py');
const packages = ['opentimelineio==0.18.1', 'otio-fcp-adapter==1.0.0', 'pyJianYingDraft==0.3.1', 'setuptools<81'];
const npmPackage = 'capcut-cli@0.23.0';
const fps = 25;

let folder: string;
let python: string;
let capcut: string;

useServer();
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-readers-'));
  python = path.join(folder, 'venv/bin/python');
  capcut = path.join(folder, 'node_modules/capcut-cli/dist/index.js');
  await run('python3', ['-m', 'venv', path.join(folder, 'venv')]).catch((cause: unknown) => {
    throw new Error('python3 with venv is missing; these tests need it, pip and PyPI', { cause });
  });
  await run(python, ['-m', 'pip', 'install', '-q', ...packages]);
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, npmPackage]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = async (what: 'zip' | 'timeline' | 'draft', file: string): Promise<Message> =>
  JSON.parse((await run(python, [script, what, file])).stdout);

async function upload(kind: 'image' | 'audio', bytes: Buffer): Promise<string> {
  const form = new FormData();
  form.append(kind, new Blob([new Uint8Array(bytes)]), 'file');
  const reply = await fetch(`${server.url}/api/upload/${kind}`, { method: 'POST', body: form });
  return (await reply.json())[`${kind}_path`] as string;
}

/** A clip by a real encoder, and its facts. */
async function clipOf(seconds: number, size: string, rate: number, hasSound: boolean): Promise<Message> {
  const pictures = `-f lavfi -i testsrc2=size=${size}:rate=${rate}:duration=${seconds}`;
  const sound = `-f lavfi -i sine=duration=${seconds}`;
  const output = `-c:v libx264 -preset ultrafast -pix_fmt yuv420p${hasSound ? ' -c:a aac -ac 2' : ''}`;
  const file = path.join(folder, `${seconds}-${size}-${rate}.mp4`);
  await writeFile(file, await makeMedia(hasSound ? `${pictures} ${sound}` : pictures, output, 'mp4'));
  const [width, height] = size.split('x').map(Number);
  return storedVideo({ width, height, file_duration_s: seconds, fps: rate, has_audio: hasSound }, file);
}

/** A film with each kind of shot: with and without sound, other sizes and rates, a cut clip, a picture. */
async function film(transition: string): Promise<string> {
  const image_path = await upload('image', await blank(320, 200).png().toBuffer());
  const music_path = await upload('audio', await makeMedia('-f lavfi -i sine=duration=3', '-ac 2', 'wav'));
  const film_id = await newFilm('夜航 Boat', { transition, transition_ms: 520, fps, music_path, resolution: '720p' });
  await addShot(film_id, {
    video: await clipOf(2, '640x360', 25, true),
    prompt: 'one',
    cut: { caption: '你好 & <b>' },
  });
  await addShot(film_id, {
    video: await clipOf(3, '360x640', 30, true),
    prompt: 'two',
    cut: { in_s: 0.4, volume: 0.5 },
  });
  await addShot(film_id, { video: await clipOf(2.02, '320x320', 24, false), prompt: '三', cut: { caption: 'Three' } });
  await addShot(film_id, { image_path, prompt: 'four', cut: { caption: 'Four' } });
  return film_id;
}

/** Downloads a package, checks its zip, and unzips it. */
async function unpack(query: Record<string, string>): Promise<string> {
  const { status, bytes } = await askPackage(query);
  expect(status).toBe(200);
  const place = await mkdtemp(path.join(folder, 'package-'));
  await writeFile(`${place}.zip`, bytes);
  expect(await read('zip', `${place}.zip`)).toMatchObject({ bad: null });
  await run('unzip', ['-tq', `${place}.zip`]);
  await unzip(bytes, place);
  return place;
}

// Frames: 50, then 2.6 s = 65, then 2.02 s = 51 (half up), then 125; a crossfade of 520 ms overlaps 13.
const [one, two, three, four] = ['clips/01_one.mp4', 'clips/02_two.mp4', 'clips/03_三.mp4', 'pictures/04_four.png'];
const pictures: Record<string, unknown[]> = {
  cut: [
    [one, 0, 50, 0],
    [two, 50, 65, 10],
    [three, 115, 51, 0],
    [four, 166, 125, 0],
  ],
  crossfade: [
    [one, 0, 43, 0],
    ['transition', 6, 7],
    [two, 43, 52, 16],
    ['transition', 6, 7],
    [three, 95, 38, 6],
    ['transition', 6, 7],
    [four, 133, 119, 6],
  ],
  fade_black: [
    [one, 0, 50, 0],
    ['transition', 7, 7],
    [two, 50, 65, 10],
    ['transition', 7, 7],
    [three, 115, 51, 0],
    ['transition', 7, 7],
    [four, 166, 125, 0],
  ],
};
const frames: Record<string, number> = { cut: 291, crossfade: 252, fade_black: 291 };
const transitions = Object.keys(pictures);

test.each(transitions)('OpenTimelineIO reads the same pictures from both timelines of a film with %s', async (kind) => {
  const place = await unpack({ film_id: await film(kind) });
  const seen = [await read('timeline', `${place}/timeline.otio`), await read('timeline', `${place}/timeline.xml`)];
  for (const timeline of seen) {
    expect(timeline).toMatchObject({ rate: fps, frames: frames[kind] });
    expect(timeline.tracks[0]).toMatchObject({ kind: 'Video', children: pictures[kind] });
    const music = timeline.tracks.at(-1).children;
    expect(music[0]).toEqual(['music/music.wav', 0, 75, 0]);
    expect(music.at(-1)[1] + music.at(-1)[2]).toBe(frames[kind]);
  }
});

test('in a crossfade, sound crosses into sound, and fades out beside silence', async () => {
  const place = await unpack({ film_id: await film('crossfade') });
  const otio = await read('timeline', `${place}/timeline.otio`);
  const xml = await read('timeline', `${place}/timeline.xml`);
  const sounds = [
    [one, 0, 43, 0],
    ['transition', 6, 7],
    [two, 43, 59, 16],
    ['transition', 13, 0],
  ];
  expect(otio.tracks[1].children.slice(0, 4)).toEqual(sounds);
  expect(xml.tracks[1].children).toEqual(sounds);
});

test.each(transitions.flatMap((kind) => [['jianying', kind] as const, ['capcut', kind] as const]))(
  'a draft for %s with %s is opened by pyJianYingDraft and found clean by capcut-cli',
  async (format, kind) => {
    const film_id = await film(kind);
    const drafts = await mkdtemp(path.join(folder, 'drafts-'));
    const { bytes } = await askPackage({ film_id, format, drafts_folder: drafts });
    await unzip(bytes, drafts);
    const draft = path.join(drafts, '夜航 Boat');
    const { tracks, ...whole } = await read('draft', draft);
    expect(whole).toEqual({ fps, duration: frames[kind]! * 40_000 });
    const cuts = pictures[kind]!.filter((row) => (row as unknown[])[0] !== 'transition') as [string, number, number][];
    const micros = cuts.map(([, start, length]) => [start * 40_000, (start + length) * 40_000]);
    expect(tracks[0]).toEqual(['video', micros]);
    expect(tracks.map(([type]: [string]) => type)).toEqual(['video', 'audio', 'text']);
    const lint = await run(process.execPath, [capcut, 'lint', draft]).catch((error: { stdout: string }) => error);
    const { issues } = JSON.parse(lint.stdout) as { issues: Message[] };
    expect(issues.filter(({ code }) => !['vfr-media'].includes(code))).toEqual([]);
    const info = JSON.parse((await run(process.execPath, [capcut, 'info', draft])).stdout);
    expect(JSON.stringify(info)).toContain('夜航 Boat');
  },
);
