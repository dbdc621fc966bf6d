import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { addShot, ended, exported, fileOf, flashesAndBeeps, makeClip, newFilm, streamsOf } from '../helpers/film';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

jest.setTimeout(40_000);

let server: TestServer;
let clip: Buffer;
let long: Buffer;

beforeAll(async () => {
  server = await startServer();
  clip = await makeClip();
  long = await makeClip({ seconds: 20, size: '1280x720' });
});

afterAll(() => server.stop());

const inFilm = (film: { _id: string }) => connect(`${server.wsUrl}?film_id=${film._id}`);
const listOf = async (film: { _id: string }) => (await server.get(`/api/exports?film_id=${film._id}`)).body.exports;
const filesLeft = () => readdirSync(path.join(server.folder, 'uploads/exports')).filter((name) => name !== 'cache');

/** A film with a socket of its own. */
async function open(settings: object = {}): Promise<{ film: { _id: string }; socket: TestSocket }> {
  const first = await connect(server.wsUrl);
  const film = await newFilm(first, { resolution: '720p', ...settings });
  first.close();
  return { film, socket: await inFilm(film) };
}

test('an export is told from its request to its end, and is then answered at once', async () => {
  const { film, socket } = await open();
  for (const seconds of [1, 2]) await addShot(server, socket, film, { clip, seconds });
  const request = await server.post('/api/export/film', { film_id: film._id });
  expect(request.status).toBe(202);
  expect(request.body.export).toMatchObject({
    film_id: film._id,
    options: { captions: 'none', resolution: '720p', fps: 24 },
    url: null,
    file_name: 'Sea a film.mp4',
    duration_s: 3,
    width: 1280,
    height: 720,
    fps: 24,
    has_audio: true,
    left_out: [],
    is_stale: false,
    error: null,
  });
  const done = await ended(socket, request.body.export);
  expect(done).toMatchObject({
    status: 'completed',
    progress: null,
    url: expect.stringMatching(/^\/uploads\/exports\//),
  });
  const [picture, sound] = await streamsOf(fileOf(server, done));
  expect(picture).toMatchObject({
    codec_name: 'h264',
    profile: 'High',
    pix_fmt: 'yuv420p',
    width: 1280,
    height: 720,
    sample_aspect_ratio: '1:1',
    color_space: 'bt709',
    r_frame_rate: '24/1',
    avg_frame_rate: '24/1',
    nb_read_frames: '72',
    duration: '3.000000',
  });
  expect(sound).toMatchObject({ codec_name: 'aac', sample_rate: '48000', channels: 2, duration: '3.000000' });
  const { headers } = await server.get(`${done.url}?download=${encodeURIComponent('海边/第一版.mp4')}`);
  expect(headers.get('content-disposition')).toBe(
    `attachment; filename="?? ???.mp4"; filename*=UTF-8''${encodeURIComponent('海边 第一版.mp4')}`,
  );
  expect(headers.get('content-type')).toBe('video/mp4');
  const again = await server.post('/api/export/film', { film_id: film._id, options: { resolution: '720p' } });
  expect(again.body.export).toMatchObject({ _id: done._id, status: 'completed' });
  expect(await listOf(film)).toEqual([again.body.export]);
  socket.close();
});

test('a change makes an export out of date, and the way back makes it current again', async () => {
  const { film, socket } = await open();
  const id = await addShot(server, socket, film, { clip });
  const done = await exported(server, socket, film);
  const told = (is_stale: boolean, since: number) =>
    socket.next(({ type, export: one }) => type === 'export.status_update' && one.is_stale === is_stale, since);
  for (const [updates, back] of [
    [{ 'cut.in_s': 0.5 }, { 'cut.in_s': 0 }],
    [{ 'cut.volume': 0.5 }, { 'cut.volume': 1 }],
  ]) {
    let since = socket.frames.length;
    await socket.ask({ type: 'workspace.update', workspace_id: id, updates });
    await told(true, since);
    since = socket.frames.length;
    await socket.ask({ type: 'workspace.update', workspace_id: id, updates: back });
    await told(false, since);
  }
  const since = socket.frames.length;
  await socket.ask({ type: 'film.update', film_id: film._id, updates: { settings: { fps: 25 } } });
  await told(true, since);
  const { body } = await server.post('/api/export/film', { film_id: film._id });
  expect(body.export._id).not.toBe(done._id);
  expect(await ended(socket, body.export)).toMatchObject({ status: 'completed', fps: 25, is_stale: false });
  expect((await listOf(film)).map(({ is_stale }: { is_stale: boolean }) => is_stale)).toEqual([false, true]);
  socket.close();
});

test('a running export is cancelled within a second, leaves nothing, and is never answered again', async () => {
  const { film, socket } = await open({ resolution: '1440p' });
  await addShot(server, socket, film, { clip: long, seconds: 20 });
  const { body } = await server.post('/api/export/film', { film_id: film._id });
  await socket.next(({ type, export: told }) => type === 'export.status_update' && told.progress > 0);
  const before = filesLeft();
  expect(before.some((name) => name.startsWith('.work-'))).toBe(true);
  const begin = performance.now();
  const { status, body: cancelled } = await server.post('/api/export/cancel', { export_id: body.export._id });
  expect(performance.now() - begin).toBeLessThan(1000);
  expect([status, cancelled.export.status]).toEqual([200, 'cancelled']);
  expect(filesLeft().filter((name) => name.includes(body.export._id))).toEqual([]);
  const again = await server.post('/api/export/cancel', { export_id: body.export._id });
  expect([again.status, again.body.error.code]).toEqual([409, 'NOT_EXPORTING']);
  const next = await server.post('/api/export/film', { film_id: film._id });
  expect(next.body.export._id).not.toBe(body.export._id);
  const deleted = await server.post('/api/export/delete', { export_id: next.body.export._id });
  expect(deleted.body.export.status).toBe('cancelled');
  const gone = await server.post('/api/export/delete', { export_id: next.body.export._id });
  expect([gone.status, gone.body.error.code]).toEqual([404, 'EXPORT_NOT_FOUND']);
  socket.close();
});

test('a deleted export takes its file with it', async () => {
  const { film, socket } = await open();
  await addShot(server, socket, film, { clip });
  const done = await exported(server, socket, film);
  expect((await server.get(done.url)).status).toBe(200);
  await server.post('/api/export/delete', { export_id: done._id });
  expect((await server.get(done.url)).status).toBe(404);
  expect(filesLeft().filter((name) => name.includes(done._id))).toEqual([]);
  socket.close();
});

test('a film without clips and a film whose clip is gone are refused', async () => {
  const { film, socket } = await open();
  const { workspace } = await socket.ask({ type: 'workspace.create', film_id: film._id });
  const nothing = await server.post('/api/export/film', { film_id: film._id });
  expect([nothing.status, nothing.body.error.code]).toEqual([409, 'NOTHING_TO_EXPORT']);
  const id = await addShot(server, socket, film, { clip });
  const [, shot] = (await server.get(`/api/workspaces?film_id=${film._id}`)).body.workspaces;
  rmSync(path.join(server.folder, shot.video.url));
  const missing = await server.post('/api/export/film', { film_id: film._id });
  expect([missing.status, missing.body.error.code]).toEqual([409, 'CLIP_MISSING']);
  expect(missing.body.error.message).toContain(id);
  expect(missing.body.error.details).toEqual([{ path: id, message: missing.body.error.message }]);
  expect(workspace._id).not.toBe(id);
  socket.close();
});

test.each([
  ['cut', [0, 48, 96]],
  ['crossfade', [0, 36, 72]],
  ['fade_black', [0, 48, 96]],
])('with %s, the beep and the flash of each clip are within one frame of its place', async (transition, places) => {
  const { film, socket } = await open({ transition });
  const at = 0.75;
  const clips = [
    await makeClip({ at, rate: '24000/1001' }),
    await makeClip({
      at,
      size: '180x320',
      rate: '60',
      output: '-c:v libx265 -tag:v hvc1 -x265-params log-level=error -c:a aac',
    }),
    await makeClip({ at, size: '322x182', rate: '30', output: '-c:v libvpx-vp9 -deadline realtime -c:a libopus' }),
  ];
  for (const one of clips) await addShot(server, socket, film, { clip: one });
  const done = await exported(server, socket, film);
  expect(done).toMatchObject({ status: 'completed' });
  const { flashes, beeps } = await flashesAndBeeps(fileOf(server, done));
  expect([flashes.length, beeps.length]).toEqual([3, 3]);
  places.forEach((place, index) => {
    expect(Math.abs(flashes[index]! - (place + at * 24))).toBeLessThanOrEqual(1);
    expect(Math.abs(beeps[index]! * 24 - (place + at * 24))).toBeLessThanOrEqual(1);
  });
  socket.close();
});

test('of two servers on one database one renders, and both tell their browsers', async () => {
  const { film, socket } = await open();
  await addShot(server, socket, film, { clip });
  const { MONGODB_URI, UPLOAD_DIR } = server.env as Record<'MONGODB_URI' | 'UPLOAD_DIR', string>;
  const second = await startServer({ MONGODB_URI, UPLOAD_DIR });
  const elsewhere = await connect(`${second.wsUrl}?film_id=${film._id}`);
  const requests = await Promise.all(
    [server, second].map((one) => one.post('/api/export/film', { film_id: film._id, request_id: 'twice' })),
  );
  const [one, two] = requests.map(({ body }) => body.export);
  expect(two._id).toBe(one._id);
  expect(await ended(socket, one)).toMatchObject({ status: 'completed', is_stale: false });
  expect(await ended(elsewhere, one)).toMatchObject({ status: 'completed', is_stale: false });
  const logs = (await server.log()) + (await second.log());
  const begins = logs.split('\n').filter((line) => line.includes('export begins') && line.includes(one._id));
  expect(begins).toHaveLength(1);
  elsewhere.close();
  socket.close();
  await second.stop();
});

const mount = (folder: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]).status === 0;
const canMount = spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d"']).status === 0;

(canMount ? test : test.skip)('without room on the disk, an export is refused with one sentence', async () => {
  const { film, socket } = await open();
  await addShot(server, socket, film, { clip });
  const folder = path.join(server.folder, 'uploads/exports');
  expect(mount(folder)).toBe(true);
  try {
    const { status, body } = await server.post('/api/export/film', { film_id: film._id });
    expect([status, body.error.code]).toEqual([507, 'DISK_FULL']);
    expect(await listOf(film)).toEqual([]);
  } finally {
    spawnSync('umount', ['-l', folder]);
  }
  expect(await exported(server, socket, film)).toMatchObject({ status: 'completed' });
  socket.close();
});

test('after a kill at any moment, the film arrives by itself and no half file is left', async () => {
  const { film, socket } = await open();
  for (const seconds of [5, 6, 7]) await addShot(server, socket, film, { clip: long, seconds });
  const { body } = await server.post('/api/export/film', { film_id: film._id });
  socket.close();
  for (const waitMs of [50, 400, 900, 1500]) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    await server.kill();
    server = await server.restart();
    for (const one of await listOf(film)) if (one.url) expect((await server.get(one.url)).status).toBe(200);
  }
  const again = await inFilm(film);
  const [current] = await listOf(film);
  const done = await ended(again, current);
  expect(done).toMatchObject({ _id: body.export._id, status: 'completed' });
  const [picture] = await streamsOf(fileOf(server, done));
  expect(picture).toMatchObject({ nb_read_frames: String(18 * 24) });
  expect(filesLeft().filter((name) => name.includes(done._id))).toEqual([path.basename(done.url)]);
  again.close();
});
