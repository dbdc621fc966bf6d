import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Video } from '../../src/contract/video';
import { click, eventually, finalVideo, newWorkspace, uploadPicture } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

jest.setTimeout(60_000);

const root = path.resolve(__dirname, '../..');
let folder: string;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-folders-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(folder, { recursive: true, force: true });
});

async function running(env: Record<string, string> = {}): Promise<TestServer> {
  const server = await startServer(env);
  ends.push(() => server.stop());
  return server;
}

async function makeClip(server: TestServer, imagePath: string): Promise<Video> {
  const socket = await connect(server.wsUrl);
  const id = await newWorkspace(socket, imagePath, { duration_s: 2 });
  socket.close();
  await click(server, id);
  return finalVideo(server, id);
}

const statusOf = async (server: TestServer, address: string, headers?: Record<string, string>) =>
  (await server.get(address, headers)).status;

test('the server serves images, clips and posters from an UPLOAD_DIR below a hidden folder, and nothing hidden inside it', async () => {
  const uploads = path.join(folder, '.local/share/uploads');
  const server = await running({ UPLOAD_DIR: uploads });
  const image = await uploadPicture(server);
  const { url, poster_url: poster } = await makeClip(server, image);
  for (const address of [`/${image}`, url!, poster!]) expect(await statusOf(server, address)).toBe(200);
  const part = await server.get(url!, { Range: 'bytes=0-9' });
  expect(part.status).toBe(206);
  expect(part.headers.get('content-range')).toMatch(/^bytes 0-9\//);

  await rename(
    path.join(uploads, path.basename(path.dirname(image)), path.basename(image)),
    path.join(uploads, 'trash', path.basename(image)),
  );
  await writeFile(path.join(uploads, 'videos/.hidden.mp4'), 'x');
  for (const address of [`trash/${path.basename(image)}`, '.owner', 'videos/.hidden.mp4', 'videos/%2ehidden.mp4'])
    expect(await statusOf(server, `/uploads/${address}`)).toBe(404);
});

test('the server serves the timeline and its files from a checkout below a hidden folder', async () => {
  const project = path.join(folder, '.checkouts/video-maker');
  await mkdir(project, { recursive: true });
  await cp(path.join(root, 'dist'), path.join(project, 'dist'), { recursive: true });
  await cp(path.join(root, 'package.json'), path.join(project, 'package.json'));
  await symlink(path.join(root, 'node_modules'), path.join(project, 'node_modules'));
  await mkdir(path.join(project, 'dist/web/assets'), { recursive: true });
  await writeFile(path.join(project, 'dist/web/index.html'), '<p>timeline</p>');
  await writeFile(path.join(project, 'dist/web/assets/main-1.js'), '1');
  const child = spawn(process.execPath, ['dist/server.js'], {
    cwd: project,
    env: { PATH: process.env.PATH, NODE_ENV: 'test', SERVER_PORT: '0', WS_PORT: '0', MONGODB_URI: freshDatabase() },
  });
  ends.push(async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  let output = '';
  while (!output.includes('server listening')) output += String((await once(child.stdout, 'data'))[0]);
  const url = /http=(\S+)/.exec(output)![1]!;
  for (const address of ['/', '/assets/main-1.js', '/docs/swagger-ui.css']) {
    expect((await fetch(url + address)).status).toBe(200);
  }
});

test('the server makes folders of UPLOAD_DIR again that were removed while it ran, and /health says what is gone', async () => {
  const uploads = path.join(folder, 'uploads');
  const server = await running({ UPLOAD_DIR: uploads });
  const health = async () => (await server.get('/health')).body;
  // The sweep of the start writes into the folders too.
  const mark = () => readFile(path.join(uploads, '.owner'), 'utf8').catch(() => '');
  await eventually(async () => (await mark()).includes('"sweeps":1'));

  for (const gone of ['tmp', 'videos', '']) {
    await rm(path.join(uploads, gone), { recursive: true });
    expect(await health()).toMatchObject({
      status: 'ok',
      disk_free_ok: true,
      warnings: expect.arrayContaining([
        expect.stringContaining(`the folder ${gone || 'images'} in UPLOAD_DIR was removed`),
      ]),
    });
    expect(await statusOf(server, '/uploads/images/0.jpg')).toBe(404);
    const video = await makeClip(server, await uploadPicture(server));
    expect(video).toMatchObject({ status: 'completed', poster_url: expect.any(String) });
    expect(await statusOf(server, video.url!)).toBe(200);
    expect(await health()).toMatchObject({ status: 'ok', warnings: [] });
  }
});

test('the server says in /health that a folder of UPLOAD_DIR cannot be used', async () => {
  const uploads = path.join(folder, 'uploads');
  const server = await running({ UPLOAD_DIR: uploads });
  await rm(path.join(uploads, 'videos'), { recursive: true });
  await symlink('videos', path.join(uploads, 'videos'));
  const { status, body } = await server.get('/health');
  expect(status).toBe(503);
  expect(body.problems).toEqual([expect.stringMatching(/^the folder videos in UPLOAD_DIR cannot be used \(ELOOP\)/)]);
});

test('log files that cannot be written are named in /health, and are written again by themselves', async () => {
  const logs = path.join(folder, 'logs');
  const combined = path.join(logs, 'combined.log');
  await mkdir(logs);
  await symlink('/nowhere/combined.log', combined);
  const server = await running({ LOG_DIR: logs });
  // Each refused request is a line.
  const warnings = async () => (await server.get('/nothing-here'), (await server.get('/health')).body.warnings);
  const warned = () => eventually(async () => (await warnings()).includes('the log files cannot be written'));
  const written = () =>
    eventually(
      async () =>
        (await readFile(combined, 'utf8').catch(() => '')).includes('/nothing-here') || (await warnings(), null),
    );

  await warned();
  await rm(combined);
  await written();
  expect(await warnings()).toEqual([]);

  await rm(logs, { recursive: true });
  await written();
  await rm(logs, { recursive: true });
  await writeFile(logs, 'x');
  await warned();
  await rm(logs);
  await written();
  expect(await warnings()).toEqual([]);
});
