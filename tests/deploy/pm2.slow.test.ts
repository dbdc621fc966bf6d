import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import type { Workspace } from '../../src/contract/workspace';
import { startDouble, type StartedDouble } from '../doubles/start-double';
import { freshDatabase } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

jest.setTimeout(180_000);

type App = {
  pid: number;
  pm2_env: { status: string; restart_time: number; exit_code?: number };
};

const root = path.resolve(__dirname, '../..');
let folder: string;
let double: StartedDouble;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-pm2-'));
  double = await startDouble('runway');
  const [port, socketPort] = await Promise.all([freePort(), freePort()]);
  env = {
    PM2_HOME: path.join(folder, 'pm2'),
    NODE_ENV: 'test',
    SERVER_PORT: String(port),
    WS_PORT: String(socketPort),
    MONGODB_URI: freshDatabase(),
    DATA_DIR: path.join(folder, 'data'),
    UPLOAD_DIR: path.join(folder, 'uploads'),
    LOG_DIR: path.join(folder, 'logs'),
    LOG_LEVEL: 'info',
    VIDEO_PROVIDER: 'runway',
    LLM_PROVIDER: 'local',
    RUNWAY_API_KEY: 'key-of-the-test',
    RUNWAY_BASE_URL: double.url,
  };
});

afterAll(async () => {
  await pm2('kill');
  await double.stop();
  await rm(folder, { recursive: true, force: true });
});

afterEach(() => pm2('delete', 'all'));

function pm2(...words: string[]): Promise<string> {
  const options = {
    cwd: os.tmpdir(),
    maxBuffer: 16 * 1024 ** 2,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
  };
  const program = path.join(root, 'node_modules/pm2/bin/pm2');
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], options, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

const start = () => pm2('start', path.join(root, 'ecosystem.config.js'));

async function app(): Promise<App> {
  const output = await pm2('jlist');
  return (JSON.parse(output.slice(output.indexOf('[{'))) as App[])[0]!;
}

/** Asks again until the answer fits. */
async function until<Answer>(ask: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    await pause(100);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const url = (address: string) => `http://127.0.0.1:${env.SERVER_PORT}${address}`;
const health = () =>
  fetch(url('/health')).then(
    ({ status }) => status,
    () => 0,
  );
const isUp = (status: number) => status === 200;
const open = () => connect(`ws://127.0.0.1:${env.WS_PORT}`);
const log = () => readFile(path.join(env.LOG_DIR!, 'combined.log'), 'utf8');

async function openWhenUp(): Promise<TestSocket> {
  await until(health, isUp);
  return open();
}

test('the server under PM2 is ready when `pm2 start` returns, and comes back by itself after a kill', async () => {
  await start();
  expect(await health()).toBe(200);
  const { pid, pm2_env: before } = await app();
  expect(before).toMatchObject({ status: 'online', restart_time: 0 });

  const socket = await open();
  process.kill(pid, 'SIGKILL');
  expect(await socket.closed).toBe(1006);
  expect(await until(health, isUp)).toBe(200);
  const after = await until(app, ({ pm2_env }) => pm2_env.status === 'online');
  expect(after.pid).not.toBe(pid);
  expect(after.pm2_env.restart_time).toBe(1);
});

test('the server under PM2 loses neither an acknowledged edit nor the answer to a paid request in a reload under load', async () => {
  await start();
  let socket = await open();
  const form = new FormData();
  const picture = await sharp({ create: { width: 320, height: 180, channels: 3, background: '#333' } })
    .png()
    .toBuffer();
  form.append('image', new Blob([new Uint8Array(picture)]), 'picture.png');
  const upload = (await (await fetch(url('/api/upload/image'), { method: 'POST', body: form })).json()) as {
    image_path: string;
  };
  const data = { image_path: upload.image_path, form_data: { prompt: 'rain' } };
  const paid = (await socket.ask({ type: 'workspace.create', data })).workspace._id;
  const edited = (await socket.ask({ type: 'workspace.create' })).workspace._id;

  // The answer comes well after PM2's own patience of 1.6 s.
  await double.script([{ match: 'POST /v1/image_to_video', delay_ms: 4000 }]);
  const body = JSON.stringify({ workspace_id: paid });
  const headers = { 'Content-Type': 'application/json' };
  const click = fetch(url('/api/generate/video'), { method: 'POST', headers, body }).catch(() => null);
  await until(
    () => double.requests(),
    (requests) => requests.some(({ method }) => method === 'POST'),
  );

  const reloaded = pm2('reload', 'video-maker');
  const state = { isReloaded: false };
  void reloaded.then(() => (state.isReloaded = true));
  let count = 0;
  let lost = 0;
  while (!state.isReloaded || count < 50) {
    const request_id = `edit-${++count}`;
    const updates = { 'form_data.prompt': `edit ${count}` };
    const message = { type: 'workspace.update', workspace_id: edited, updates, request_id };
    let answer = await socket.ask(message).catch(() => null);
    while (!answer) {
      lost += 1;
      expect(await socket.closed).toBe(1012);
      socket = await openWhenUp();
      answer = await socket.ask(message).catch(() => null);
    }
    expect(answer).toMatchObject({ type: 'workspace.sync_confirm', request_id });
  }
  expect(lost).toBeGreaterThan(0);
  await click;

  const { workspaces } = (await (await fetch(url('/api/workspaces'))).json()) as { workspaces: Workspace[] };
  const find = (id: string) => workspaces.find(({ _id }) => _id === id)!;
  expect(find(edited)).toMatchObject({ form_data: { prompt: `edit ${count}` }, version: count + 1 });
  const accepted = await double.accepted();
  expect(accepted).toHaveLength(1);
  expect(find(paid).video).toMatchObject({ error: null, task_id: accepted[0]!.task_id });
  expect(await log()).toContain('"server stopped"');
  expect((await app()).pm2_env).toMatchObject({ status: 'online', restart_time: 1 });
  socket.close();
});

test('the server under PM2 ends as stopped and is not started again when a setting is wrong', async () => {
  env.SERVER_PORT = 'three thousand';
  await start();
  const { pm2_env: ended } = await until(app, ({ pm2_env }) => pm2_env.status !== 'launching');
  expect(ended).toMatchObject({ status: 'stopped', exit_code: 78, restart_time: 0 });
  expect(await pm2('logs', '--nostream', '--err', '--lines', '20')).toContain('SERVER_PORT must be a whole number');
});
