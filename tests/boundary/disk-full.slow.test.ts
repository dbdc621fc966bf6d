import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { finalVideo } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

const mebibyte = 2 ** 20;

/** A disk in memory; false where it was not mounted. */
const mountDisk = (folder: string, bytes: number) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).status === 0;
const unmountDisk = (folder: string) => spawnSync('umount', ['-l', folder]);

const canMount = spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d"']).status === 0;

/** A picture that cannot be compressed: three bytes a pixel. */
const noise = (side: number) =>
  sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();

(canMount ? test : test.skip)('pictures and clips are stored where each folder is a disk of its own', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-disks-'));
  const disks = ['images', 'videos'].map((name) => path.join(folder, 'uploads', name));
  for (const disk of disks) {
    await mkdir(disk, { recursive: true });
    expect(mountDisk(disk, 32 * mebibyte)).toBe(true);
  }
  const own = await startServer({ UPLOAD_DIR: path.join(folder, 'uploads') });
  const socket = await connect(own.wsUrl);
  const { status, body } = await own.upload(await noise(100));
  expect(status).toBe(201);
  const data = { image_path: body.image_path as string, form_data: { duration_s: 2 } };
  const { workspace } = await socket.ask({ type: 'workspace.create', data });
  await own.post('/api/generate/video', { workspace_id: workspace._id });
  const video = await finalVideo(own, workspace._id);
  expect(video).toMatchObject({ status: 'completed', poster_url: expect.stringContaining('.jpg') });
  expect((await own.get(video.url!)).status).toBe(200);
  socket.close();
  await own.stop();
  disks.forEach(unmountDisk);
  await rm(folder, { recursive: true, force: true });
});

(canMount ? describe : describe.skip)('a full disk', () => {
  let folder: string;
  let server: TestServer;
  const inside = (...names: string[]) => path.join(folder, ...names);
  const files = async () => [
    ...(await readdir(inside('uploads', 'images'))),
    ...(await readdir(inside('uploads', 'videos'))),
    ...(await readdir(inside('uploads', 'tmp'))),
  ];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-full-'));
    await mkdir(inside('uploads'));
    await mkdir(inside('logs'));
    expect(mountDisk(inside('uploads'), 3 * mebibyte)).toBe(true);
    expect(mountDisk(inside('logs'), mebibyte / 4)).toBe(true);
    server = await startServer({
      UPLOAD_DIR: inside('uploads'),
      LOG_DIR: inside('logs'),
      VIDEO_RECHECK_INTERVAL_MS: '200',
    });
  });

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    unmountDisk(inside('uploads'));
    unmountDisk(inside('logs'));
    await rm(folder, { recursive: true, force: true });
  });

  test('an upload is answered 507 and leaves no part of a file, and one that fits is taken', async () => {
    const big = await noise(800);
    expect((await server.upload(big)).status).toBe(201);
    const before = await files();
    const refused = await server.upload(big);
    expect(refused.status).toBe(507);
    expect(refused.body.error).toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('free some space'),
    });
    expect(await files()).toEqual(before);
    expect((await server.upload(await noise(100))).status).toBe(201);
    expect((await server.get('/health')).body).toMatchObject({ status: 'degraded', disk_free_ok: false });
  });

  test('a clip that is made waits until there is room, and is then fetched by itself', async () => {
    const socket = await connect(server.wsUrl);
    const { image_path } = (await server.upload(await noise(100))).body;
    const form_data = { duration_s: 2, camera_movement: 'push_in' };
    const { workspace } = await socket.ask({ type: 'workspace.create', data: { image_path, form_data } });
    const { bavail, bsize } = await statfs(inside('uploads'));
    await writeFile(inside('uploads', 'filler'), Buffer.alloc(bavail * bsize));
    const before = await files();

    const clicked = await server.post('/api/generate/video', { workspace_id: workspace._id });
    expect(clicked.status).toBe(202);
    const video = await finalVideo(server, workspace._id);
    expect(video).toMatchObject({ status: 'failed', url: null, error: { code: 'DOWNLOAD_FAILED', charged: 'no' } });
    expect(await server.log()).toMatch(/DISK_FULL.*video not fetched/);
    expect(await files()).toEqual(before);

    const since = socket.frames.length;
    await rm(inside('uploads', 'filler'));
    const { video: late } = await socket.next(({ video }) => video?.status === 'completed', since);
    expect(late).toMatchObject({ attempt_id: video.attempt_id, error: null });
    expect((await server.get(late.url)).status).toBe(200);
    socket.close();
  });

  test('lines of the log are lost, health says so, and the process lives and writes again', async () => {
    const { bavail, bsize } = await statfs(inside('logs'));
    await writeFile(inside('logs', 'filler'), Buffer.alloc(bavail * bsize));
    const warnings = async () => (await server.get('/health')).body.warnings as string[];
    const ask = async () => (await server.get('/nowhere')).status;
    // Each refused request is a line.
    for (let lines = 0; (await warnings()).length === 0 && lines < 500; lines++) expect(await ask()).toBe(404);
    expect(await warnings()).toEqual(['the log files cannot be written']);
    expect((await server.upload(await noise(100))).status).toBe(201);

    await rm(inside('logs', 'filler'));
    for (let lines = 0; (await warnings()).length > 0 && lines < 500; lines++) expect(await ask()).toBe(404);
    expect(await warnings()).toEqual([]);
    expect((await server.log()).trimEnd().split('\n').at(-1)).toContain('/nowhere');
  });
});
