import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, readdir, readlink, rm, truncate } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { blank } from '../fixtures/pictures';
import { makeMedia, tone } from '../fixtures/sounds';
import { eventually } from '../helpers/generating';
import { addShot, askPackage, newFilm, readZip, setFilm, storedVideo } from '../helpers/packages';
import { expectError, server, useServer, type Message } from '../helpers/tabs';

useServer();

const json = (bytes: Buffer | undefined): Message => JSON.parse(String(bytes));
const errorOf = ({ status, bytes }: { status: number; bytes: Buffer }) => ({ status, body: json(bytes) });

const picture = () => blank(320, 200).png().toBuffer();

async function upload(kind: 'image' | 'audio', bytes: Buffer): Promise<string> {
  const form = new FormData();
  form.append(kind, new Blob([new Uint8Array(bytes)]), 'file');
  const reply = await fetch(`${server.url}/api/upload/${kind}`, { method: 'POST', body: form });
  return (await reply.json())[`${kind}_path`];
}

test('a package for editors holds each file in film order, and says where each shot is', async () => {
  const film_id = await newFilm('夜航船: a "night" boat', {
    music_path: await upload('audio', await makeMedia(tone(3), '-ac 2', 'mp3')),
  });
  const image_path = await upload('image', await picture());
  const video = { ...(await storedVideo({ has_audio: true })), provider: 'kling', model: 'kling-3.0' };
  const first = await addShot(film_id, { video, prompt: "A fox, it's running", cut: { caption: 'Hello', in_s: 0.5 } });
  const second = await addShot(film_id, { prompt: 'nothing yet' });
  const third = await addShot(film_id, { image_path, prompt: '一只狐狸' });

  const { status, headers, bytes } = await askPackage({ film_id });
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('application/zip');
  expect(headers.get('content-length')).toBe(String(bytes.length));
  expect(headers.get('content-disposition')).toContain(
    `filename*=UTF-8''${encodeURIComponent('夜航船 a night boat.zip')}`,
  );
  const entries = readZip(bytes);
  expect([...entries.keys()]).toEqual([
    'manifest.json',
    'timeline.otio',
    'timeline.xml',
    'captions.srt',
    'clips/01_A_fox_its_running.mp4',
    'pictures/03_一只狐狸.png',
    'music/music.mp3',
  ]);
  const { film, shots } = json(entries.get('manifest.json'));
  expect(film).toMatchObject({ _id: film_id, shots: 3, settings: { music_path: 'music/music.mp3' } });
  expect(shots).toMatchObject([
    { workspace_id: first, file: 'clips/01_A_fox_its_running.mp4', provider: 'kling', model: 'kling-3.0', in_s: 0.5 },
    { workspace_id: second, file: null, provider: null, caption: '' },
    { workspace_id: third, file: 'pictures/03_一只狐狸.png', model: null },
  ]);
  expect(Object.keys(shots[0]).sort()).toEqual(
    'caption cost file form_data in_s model out_s provider seed workspace_id'.split(' '),
  );
  expect(String(entries.get('captions.srt'))).toBe('1\n00:00:00,000 --> 00:00:01,500\nHello\n');
  for (const name of ['manifest.json', 'timeline.otio', 'timeline.xml', 'captions.srt']) {
    const text = String(entries.get(name));
    expect(text).not.toMatch(/file:\/\/|[A-Za-z]:\\|["'>]\/(?!>)/);
    expect(text).not.toContain(server.folder);
  }
});

test('the files in a package are those on the server, byte for byte', async () => {
  const film_id = await newFilm('Bytes');
  const video = await storedVideo();
  await addShot(film_id, { video, prompt: 'one' });
  const stored = createReadStream(path.join(server.folder, video.url as string));
  const packed = readZip((await askPackage({ film_id })).bytes).get('clips/01_one.mp4');
  expect(packed).toEqual(Buffer.concat((await stored.toArray()) as Buffer[]));
});

test('all takes are added in a folder for each shot, without the clip on show', async () => {
  const film_id = await newFilm('Takes');
  const [shown, other, older] = [await storedVideo(), await storedVideo(), await storedVideo()];
  await addShot(film_id, { video: shown, takes: [other, older], prompt: 'a' });
  await addShot(film_id, { takes: [await storedVideo(), await storedVideo()], prompt: 'b' });
  const takesIn = async (query: object) =>
    [...readZip((await askPackage({ film_id, ...query })).bytes).keys()].filter((name) => name.startsWith('takes/'));
  expect(await takesIn({})).toEqual([]);
  expect(await takesIn({ takes: 'all' })).toEqual(['takes/01/01_a.mp4', 'takes/01/02_a.mp4', 'takes/02/01_b.mp4']);
});

test('more entries than a short directory holds have the length that was promised', async () => {
  const film_id = await newFilm('Many');
  const takes = await Promise.all(Array.from({ length: 20 }, () => storedVideo()));
  for (let shot = 0; shot < 30; shot++) {
    await addShot(film_id, { video: await storedVideo(), takes, prompt: 'very long words '.repeat(8) });
  }
  const { headers, bytes } = await askPackage({ film_id, takes: 'all' });
  expect(headers.get('content-length')).toBe(String(bytes.length));
  expect(bytes.subarray(-22, -18).toString('latin1')).toBe('PK\x05\x06');
});

test.each([
  ['jianying', '/Users/me/Movies/JianyingPro/', '/Users/me/Movies/JianyingPro/A cut/media/', 'lv', 'mac'],
  ['capcut', 'C:\\Users\\me\\com.lveditor.draft', 'C:\\Users\\me\\com.lveditor.draft\\A cut\\media\\', 'cc', 'windows'],
])('a draft for %s lies in a folder of its own and names its files there', async (format, folder, media, app, os) => {
  const film_id = await newFilm('A cut', { transition: 'crossfade', transition_ms: 500, fps: 25 });
  await addShot(film_id, { video: await storedVideo(), prompt: 'one', cut: { caption: 'Hello', volume: 0.5 } });
  await addShot(film_id, { image_path: await upload('image', await picture()), prompt: 'two' });
  const { status, bytes } = await askPackage({ film_id, format, drafts_folder: folder });
  expect(status).toBe(200);
  const entries = readZip(bytes);
  expect([...entries.keys()]).toEqual(
    [
      'draft_info.json',
      'draft_content.json',
      'draft_meta_info.json',
      'draft_cover.jpg',
      'media/01_one.mp4',
      'media/02_two.png',
    ]
      .filter((name) => name !== 'draft_cover.jpg' || entries.has('A cut/draft_cover.jpg'))
      .map((name) => `A cut/${name}`),
  );
  expect(entries.get('A cut/draft_info.json')).toEqual(entries.get('A cut/draft_content.json'));
  const draft = json(entries.get('A cut/draft_info.json'));
  expect(draft.platform).toMatchObject({ app_source: app, os });
  expect(draft.materials.videos.map((one: Message) => one.path)).toEqual([`${media}01_one.mp4`, `${media}02_two.png`]);
  expect(draft.duration).toBe(6_480_000);
});

test.each([
  ['a draft without a folder', { format: 'jianying' }],
  ['a relative folder', { format: 'capcut', drafts_folder: 'Movies/CapCut' }],
  ['a folder by a variable', { format: 'capcut', drafts_folder: '%LOCALAPPDATA%\\CapCut' }],
  ['an unknown format', { format: 'premiere' }],
  ['unknown takes', { takes: 'some' }],
  ['an id that is none', { film_id: 'x' }],
])('%s is refused', async (_, query: Record<string, string>) => {
  expectError(errorOf(await askPackage(query)), 400, 'INVALID_INPUT');
});

test('an unknown film, and one with nothing to show, are told apart', async () => {
  expectError(errorOf(await askPackage({ film_id: 'f'.repeat(24) })), 404, 'FILM_NOT_FOUND');
  expectError(errorOf(await askPackage({ film_id: await newFilm('Empty') })), 409, 'NOTHING_TO_EXPORT');
});

test('a shot whose file is gone is named before the first byte', async () => {
  const film_id = await newFilm('Gone');
  await addShot(film_id, { video: await storedVideo() });
  const video = await storedVideo();
  const id = await addShot(film_id, { video });
  await rm(path.join(server.folder, video.url as string));
  const answer = errorOf(await askPackage({ film_id }));
  expectError(answer, 409, 'CLIP_MISSING');
  expect(answer.body.error.details).toMatchObject([{ path: id }]);
});

test('music that is gone is named, and music of volume 0 is not missed', async () => {
  const film_id = await newFilm('Music', { music_path: `uploads/audio/${'0'.repeat(32)}.mp3` });
  await addShot(film_id, { video: await storedVideo() });
  const answer = errorOf(await askPackage({ film_id }));
  expectError(answer, 409, 'CLIP_MISSING');
  expect(answer.body.error.details).toMatchObject([{ path: 'settings.music_path' }]);
  await setFilm(film_id, { music_volume: 0 });
  expect((await askPackage({ film_id })).status).toBe(200);
});

test('a HEAD request tells the length without a byte', async () => {
  const film_id = await newFilm('Head');
  await addShot(film_id, { video: await storedVideo() });
  const { bytes } = await askPackage({ film_id });
  const head = await fetch(`${server.url}/api/export/package?film_id=${film_id}`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe(String(bytes.length));
});

const gibibyte = 1024 ** 3;

/** A film with clips that are large and take no room. */
async function bigFilm(count: number, bytes: number): Promise<{ film_id: string; files: string[] }> {
  const film_id = await newFilm('Big');
  const files: string[] = [];
  for (let shot = 0; shot < count; shot++) {
    const video = await storedVideo();
    files.push(path.join(server.folder, video.url as string));
    await truncate(files[shot]!, bytes);
    await addShot(film_id, { video, prompt: `big ${shot}` });
  }
  return { film_id, files };
}

const isLinux = process.platform === 'linux';
const onLinux = isLinux ? test : test.skip;

/** Which of these files the server has open. */
async function openFiles(files: string[]): Promise<string[]> {
  const folder = `/proc/${server.child.pid}/fd`;
  const links = (await readdir(folder)).map((name) => readlink(path.join(folder, name)).catch(() => ''));
  return (await Promise.all(links)).filter((link) => files.includes(link));
}

async function memory(): Promise<number> {
  const handle = await open(`/proc/${server.child.pid}/status`);
  const text = await handle.readFile('utf8');
  await handle.close();
  return Number(/VmRSS:\s+(\d+)/.exec(text)![1]) * 1024;
}

const begin = async (film_id: string): Promise<http.IncomingMessage> => {
  const request = http.get(`${server.url}/api/export/package?film_id=${film_id}`);
  request.on('error', () => undefined);
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  return reply;
};

onLinux(
  'a package of 1 GB grows the server by less than 100 MB',
  async () => {
    const { film_id } = await bigFilm(4, gibibyte / 4);
    const before = await memory();
    let most = before;
    let received = 0;
    const reply = await begin(film_id);
    let measuredAt = 0;
    for await (const chunk of reply) {
      received += (chunk as Buffer).length;
      if (received - measuredAt < 16 * 1024 ** 2) continue;
      measuredAt = received;
      most = Math.max(most, await memory());
    }
    expect(received).toBe(Number(reply.headers['content-length']));
    expect(received).toBeGreaterThan(gibibyte);
    expect(most - before).toBeLessThan(100 * 1024 ** 2);
  },
  120_000,
);

onLinux('a client that leaves frees the file that was read', async () => {
  const { film_id, files } = await bigFilm(2, gibibyte / 4);
  const reply = await begin(film_id);
  await once(reply, 'data');
  expect(await openFiles(files)).toEqual([files[0]]);
  reply.destroy();
  while ((await openFiles(files)).length > 0) await server.get('/health');
  expect((await server.get('/health')).status).toBe(200);
});

test('a file that disappears midway breaks the connection and is logged', async () => {
  const { film_id, files } = await bigFilm(2, gibibyte / 4);
  const reply = await begin(film_id);
  const ended = new Promise<string>((resolve) => {
    reply.once('aborted', () => resolve('aborted'));
    reply.once('end', () => resolve('end'));
    reply.on('error', () => undefined);
  });
  await once(reply, 'data');
  await rm(files[1]!);
  reply.resume();
  expect(await ended).toBe('aborted');
  await eventually(async () => (await server.log()).includes('download not sent to its end'));
}, 60_000);
