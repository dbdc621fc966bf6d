import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { mongo } from 'mongoose';
import sharp from 'sharp';
import type { Workspace } from '../../src/contract/workspace';
import { startDouble } from '../doubles/start-double';
import { eventually } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

jest.setTimeout(90_000);

type Env = Record<string, string>;
type Ended = { code: number; stdout: string; stderr: string };

const root = path.resolve(__dirname, '../..');
const ends: (() => Promise<unknown>)[] = [];
let backups: string;

beforeEach(async () => {
  backups = await mkdtemp(path.join(os.tmpdir(), 'video-maker-backups-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(backups, { recursive: true, force: true });
});

function run(script: string, words: string[], env: Env, cwd = os.tmpdir()): Promise<Ended> {
  const options = { cwd, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } };
  return new Promise((resolve) => {
    execFile(path.join(root, 'deploy', script), words, options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

async function backUp(env: Env): Promise<string> {
  const { code, stdout, stderr } = await run('backup.sh', [backups], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

async function open(server: TestServer): Promise<TestSocket> {
  const socket = await connect(server.wsUrl);
  ends.push(async () => socket.close());
  return socket;
}

async function start(env: Env = {}): Promise<TestServer> {
  const server = await startServer(env);
  ends.push(async () => {
    await server.stop();
    await rm(server.folder, { recursive: true, force: true });
  });
  return server;
}

async function databaseOf(uri: string): Promise<mongo.Db> {
  const client = await new mongo.MongoClient(uri).connect();
  ends.push(() => client.close());
  return client.db();
}

const picture = (background: string) =>
  sharp({ create: { width: 320, height: 180, channels: 3, background } })
    .png()
    .toBuffer();

/** Two workspaces, one with a picture and a finished video. */
async function fill(server: TestServer): Promise<string> {
  const socket = await open(server);
  const { body } = await server.upload(await picture('#224466'));
  const { workspace } = await socket.ask({ type: 'workspace.create', data: { image_path: body.image_path } });
  const updates = { form_data: { prompt: '雨后的街道', duration_s: 2, seed: 4294967295 } };
  await socket.ask({ type: 'workspace.update', workspace_id: workspace._id, updates });
  const second = await socket.ask({ type: 'workspace.create', data: { form_data: { prompt: 'the second shot' } } });
  await socket.ask({ type: 'workspace.reorder', workspace_ids: [second.workspace._id, workspace._id] });
  await server.post('/api/generate/video', { workspace_id: workspace._id });
  await socket.next(({ type, video }) => type === 'video.status_update' && video.status === 'completed');
  return workspace._id;
}

async function stateOf(server: TestServer): Promise<unknown> {
  const { workspaces } = (await server.get('/api/workspaces')).body;
  const urls = workspaces.flatMap((workspace: Workspace) => [workspace.image_url, workspace.video.url]);
  const files = urls.filter(Boolean).map(async (url: string) => {
    const answer = await fetch(server.url + url);
    return [url, answer.status, Buffer.from(await answer.arrayBuffer()).toString('base64')];
  });
  return { workspaces, files: await Promise.all(files) };
}

test('a restore brings everything back after the database and the uploads are gone, while the server runs', async () => {
  const server = await start();
  await fill(server);
  const before = await stateOf(server);
  const database = await databaseOf(server.env.MONGODB_URI!);
  const stored = await database.collection('workspaces').find().sort({ _id: 1 }).toArray();
  const indexes = await database.collection('workspaces').indexes();
  const entry = await backUp(server.env);
  expect(path.dirname(entry)).toBe(backups);

  await database.dropDatabase();
  await rm(path.join(server.env.UPLOAD_DIR!, 'images'), { recursive: true });
  await rm(path.join(server.env.UPLOAD_DIR!, 'videos'), { recursive: true });
  expect((await server.get('/api/workspaces')).body.workspaces).toEqual([]);

  expect(await run('restore.sh', [path.basename(entry)], server.env, backups)).toMatchObject({ code: 0, stderr: '' });
  expect(await stateOf(server)).toEqual(before);
  expect(await database.collection('workspaces').find().sort({ _id: 1 }).toArray()).toEqual(stored);
  expect(await database.collection('workspaces').indexes()).toEqual(indexes);
  const names = (await database.listCollections().toArray()).map(({ name }) => name).sort();
  // The heartbeat of the server writes its own collection again, sooner or later.
  const expected = ['charges', 'droppedclips', 'films', 'spend', 'timelines', 'workspaces'];
  expect(names.filter((name) => name !== 'servers')).toEqual(expected);
  expect(await readdir(path.join(entry, 'database'))).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(servers|batches)/)]),
  );
});

test('a restore takes later edits back, and keeps files that came later', async () => {
  const server = await start();
  const socket = await open(server);
  const { workspace } = await socket.ask({ type: 'workspace.create', data: { form_data: { prompt: 'first' } } });
  const entry = await backUp(server.env);

  const later = (await server.upload(await picture('#aa0000'))).body;
  await socket.ask({ type: 'workspace.update', workspace_id: workspace._id, updates: { 'form_data.prompt': 'later' } });
  await socket.ask({ type: 'workspace.create' });
  expect((await run('restore.sh', [entry], server.env)).code).toBe(0);

  const { workspaces } = (await server.get('/api/workspaces')).body;
  expect(workspaces).toEqual([workspace]);
  expect((await fetch(server.url + later.image_url)).status).toBe(200);
});

test('a restore keeps the clips that were made after the backup, however old they are, until the operator hands the folder over', async () => {
  const server = await start();
  await fill(server);
  const entry = await backUp(server.env);
  const later = await fill(server);
  const clip = (await workspaceOf(server, later)).video.url!;
  const restored = await run('restore.sh', [entry], server.env);
  expect(await stopKeepingFolders(server)).toBe(0);
  await age(server.env.UPLOAD_DIR!);

  const warned = await startAgain(server);
  await eventually(async () => (await isSwept(warned)) || (await warningsOf(warned)).length > 0);
  expect((await fetch(warned.url + clip)).status).toBe(200);
  expect(restored.stdout).toContain(path.join(server.env.UPLOAD_DIR!, '.owner'));
  expect(await warningsOf(warned)).toEqual([expect.stringContaining('.owner')]);
  expect(await stopKeepingFolders(warned)).toBe(0);

  await rm(path.join(server.env.UPLOAD_DIR!, '.owner'));
  const owner = await startAgain(server);
  await eventually(() => isSwept(owner));
  expect(await warningsOf(owner)).toEqual([]);
  expect((await fetch(owner.url + clip)).status).toBe(200);
  // The image of the shot that is no more; its clip was paid.
  expect(await readdir(path.join(server.env.UPLOAD_DIR!, 'trash'))).toHaveLength(1);
});

const workspaceOf = async (server: TestServer, id: string): Promise<Workspace> =>
  (await server.get('/api/workspaces')).body.workspaces.find(({ _id }: Workspace) => _id === id);

const warningsOf = async (server: TestServer): Promise<string[]> => (await server.get('/health')).body.warnings;

const isSwept = async (server: TestServer): Promise<boolean> => (await server.log()).includes('"message":"swept"');

async function startAgain(server: TestServer): Promise<TestServer> {
  const again = await server.restart({ LOG_DIR: await mkdtemp(path.join(server.folder, 'logs-')) });
  ends.push(() => again.stop());
  return again;
}

/** As if every image and clip had been made two days ago. */
async function age(uploads: string): Promise<void> {
  const changed = new Date(Date.now() - 2 * 24 * 3600 * 1000);
  for (const part of ['images', 'videos']) {
    for (const name of await readdir(path.join(uploads, part))) {
      await utimes(path.join(uploads, part, name), changed, changed);
    }
  }
}

test('a backup works with the embedded database, of a running server and of one that is stopped', async () => {
  const server = await start({ MONGODB_URI: '' });
  await fill(server);
  const before = await stateOf(server);
  const running = await backUp(server.env);
  expect(await stopKeepingFolders(server)).toBe(0);
  const stopped = await backUp(server.env);
  const dump = (entry: string) => readFile(path.join(entry, 'database/workspaces.ejson'), 'utf8');
  expect(await dump(stopped)).toBe(await dump(running));

  await rm(server.env.DATA_DIR!, { recursive: true });
  await rm(server.env.UPLOAD_DIR!, { recursive: true });
  const restored = await run('restore.sh', [running], server.env);
  expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('Restored 2 workspaces') });

  const again = await server.restart();
  ends.push(() => again.stop());
  expect(await stateOf(again)).toEqual(before);
});

function stopKeepingFolders({ child }: TestServer): Promise<number | null> {
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return exited;
}

describe('a half entry', () => {
  let filled: TestServer;
  let whole: string;

  beforeAll(async () => {
    filled = await startServer();
    const socket = await connect(filled.wsUrl);
    await filled.upload(await picture('#00aa00'));
    await socket.ask({ type: 'workspace.create' });
    whole = (await run('backup.sh', [path.join(filled.folder, 'backups')], filled.env)).stdout.trim();
    // A restore that touched anything would take these two back.
    await socket.ask({ type: 'workspace.create' });
    await rm(path.join(filled.env.UPLOAD_DIR!, 'images'), { recursive: true });
    socket.close();
  });

  afterAll(() => filled.stop());

  const spoilt: [string, (entry: string) => Promise<unknown>, RegExp][] = [
    ['without a manifest', (entry) => rm(path.join(entry, 'manifest.json')), /no manifest\.json/],
    ['with a manifest that is cut off', (entry) => truncate(path.join(entry, 'manifest.json'), 200), /truncated/],
    ['without a file', (entry) => rm(path.join(entry, 'uploads/images'), { recursive: true }), /\.png is missing/],
    ['with a longer file', (entry) => appendFile(path.join(entry, 'database/workspaces.ejson'), '\n'), /bytes instead/],
    ['with a changed byte', (entry) => changeByte(path.join(entry, 'database/workspaces.ejson')), /was changed/],
    ['that names a file elsewhere', (entry) => nameElsewhere(entry), /its manifest names "uploads\/images\/\.\.\//],
  ];

  test.each(spoilt)('a half entry with %s is refused and touches nothing', async (_name, spoil, reason) => {
    const spoilt = path.join(backups, 'spoilt');
    await cp(whole, spoilt, { recursive: true });
    await spoil(spoilt);

    const { code, stderr } = await run('restore.sh', [spoilt], filled.env);
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr).toMatch(/nothing was changed/);
    expect((await filled.get('/api/workspaces')).body.workspaces).toHaveLength(2);
    expect(await readdir(filled.env.UPLOAD_DIR!)).not.toContain('images');
  });

  async function changeByte(file: string): Promise<void> {
    const bytes = await readFile(file);
    bytes[20] = bytes[20]! ^ 1;
    await writeFile(file, bytes);
  }

  async function nameElsewhere(entry: string): Promise<void> {
    const file = path.join(entry, 'manifest.json');
    const manifest = JSON.parse(await readFile(file, 'utf8'));
    manifest.files.push({ path: 'uploads/images/../../evil.png', size: 0, sha256: '' });
    await writeFile(file, JSON.stringify(manifest));
  }
});

test('a backup keeps the newest entries and leaves everything else in the folder alone', async () => {
  const env = { MONGODB_URI: freshDatabase(), UPLOAD_DIR: path.join(backups, 'no-uploads') };
  await mkdir(path.join(backups, 'holiday-pictures'));
  const entries = [];
  for (let count = 0; count < 3; count += 1) entries.push(path.basename(await backUp({ ...env, KEEP: '2' })));
  expect((await readdir(backups)).sort()).toEqual(['holiday-pictures', ...entries.slice(1)].sort());
  expect(await run('backup.sh', [backups], { ...env, KEEP: 'two' })).toMatchObject({ code: 64, stdout: '' });
});

test('a backup reads .env as the server does, and says what is wrong with it', async () => {
  const folder = path.join(backups, 'elsewhere');
  await mkdir(folder);
  await writeFile(path.join(folder, '.env'), 'MONGODB_URI=localhost:27017\nUPLOAD_DIR=\n');
  const ended = await run('backup.sh', [backups], {}, folder);
  expect(ended).toMatchObject({ code: 78, stdout: '', stderr: expect.stringContaining('MONGODB_URI must begin with') });
  expect(await run('backup.sh', [], {})).toMatchObject({ code: 64, stderr: 'Usage: backup.sh DIR\n' });
  const nowhere = { DATA_DIR: path.join(backups, 'nowhere') };
  expect(await run('backup.sh', [backups], nowhere)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no database'),
  });
});

test('a restore never sends a paid request that was waiting when the backup was made', async () => {
  const double = await startDouble('runway');
  ends.push(() => double.stop());
  const env = {
    MONGODB_URI: freshDatabase(),
    VIDEO_PROVIDER: 'runway',
    RUNWAY_API_KEY: 'key-of-the-test',
    RUNWAY_BASE_URL: double.url,
  };
  const server = await start(env);
  const socket = await open(server);
  const { image_path } = (await server.upload(await picture('#123456'))).body;
  const data = { image_path, form_data: { prompt: 'rain' } };
  const { workspace: waiting } = await socket.ask({ type: 'workspace.create', data });
  const { workspace: other } = await socket.ask({ type: 'workspace.create', data });

  // A busy provider keeps the click waiting, in the state in which the backup catches it.
  await double.script([
    { match: 'POST /v1/image_to_video', status: 429, headers: { 'retry-after': '3600' }, body: {} },
  ]);
  const clicked = await server.post('/api/generate/video', { workspace_id: waiting._id });
  expect(clicked.body.video).toMatchObject({ status: 'generating', phase: 'queued' });
  const entry = await backUp(server.env);
  const copy = path.join(backups, 'copy');
  await cp(entry, copy, { recursive: true });
  expect(await stopKeepingFolders(server)).toBe(0);

  const restored = await run('restore.sh', [copy], server.env);
  expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('not known to be accepted: 1') });
  const jobs = await (await databaseOf(server.env.MONGODB_URI!)).collection('workspaces').distinct('job.state');
  expect(jobs).toEqual([null, 'in_doubt']);
  await double.script([]);
  const again = await server.restart();
  ends.push(() => again.stop());
  const { workspaces } = (await again.get('/api/workspaces')).body;
  const error = { code: 'SUBMIT_UNKNOWN', charged: 'maybe' };
  expect(workspaces[0].video).toMatchObject({ status: 'failed', phase: null, error });

  // Jobs are sent oldest first, so that one of the backup would have gone out before this one.
  await again.post('/api/generate/video', { workspace_id: other._id });
  expect(await double.accepted()).toHaveLength(1);
  const click = await again.post('/api/generate/video', { workspace_id: waiting._id });
  expect(click).toMatchObject({ status: 409, body: { error: { code: 'SECOND_CHARGE_POSSIBLE' } } });
});
