import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startDatabaseProxy, type DatabaseProxy } from './helpers/database-proxy';
import { click, eventually, finalVideo, newWorkspace, nextVideo, uploadPicture } from './helpers/generating';
import { freshDatabase, runServer, startServer, type TestServer } from './helpers/server';
import { connect } from './helpers/socket';

jest.setTimeout(90_000);

const settingsCode = 78;
let folder: string;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-start-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  // An embedded mongod still writes for a moment after its server.
  await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});

const inside = (...names: string[]) => path.join(folder, ...names);

/** The settings of a server that has this test's folder for itself, and nothing of this machine's surroundings. */
const settings = (more: Record<string, string> = {}): Record<string, string> => ({
  NODE_ENV: 'test',
  HOME: folder,
  SERVER_PORT: '0',
  WS_PORT: '0',
  MONGODB_URI: freshDatabase(),
  DATA_DIR: inside('data'),
  UPLOAD_DIR: inside('uploads'),
  LOG_DIR: inside('logs'),
  ...more,
});

async function proxied(
  ...options: Parameters<typeof startDatabaseProxy> extends [string, ...infer Rest] ? Rest : never
) {
  const proxy = await startDatabaseProxy(freshDatabase(), ...options);
  ends.push(proxy.close);
  return proxy;
}

/** Runs a start that must end with this code, and returns the one line that it said. */
async function failedStart(code: number, env: Record<string, string>): Promise<string> {
  const ended = await runServer(env);
  const lines = ended.output.trimEnd().split('\n');
  expect(lines).toEqual([expect.stringMatching(/^[A-Z].*\.$/)]);
  expect(ended.code).toBe(code);
  return lines[0]!;
}

async function running(env: Record<string, string>): Promise<TestServer> {
  const server = await startServer(env);
  ends.push(() => server.stop());
  return server;
}

/** Starts the built server without waiting for it, and keeps what it says. */
function launch(env: Record<string, string>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [path.resolve(__dirname, '../dist/server.js')], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)));
  ends.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return { child, output: () => output };
}

async function freePort(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

async function takenPort(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return String((server.address() as net.AddressInfo).port);
}

describe('a start that cannot succeed', () => {
  test.each(['SERVER_PORT', 'WS_PORT'])(
    'a start that cannot succeed says one sentence and ends with 1 when the port of %s is taken',
    async (variable) => {
      const port = await takenPort();
      const line = await failedStart(1, settings({ [variable]: port }));
      expect(line).toBe(`Port ${port} is taken by another program; stop it or set ${variable}.`);
      expect(await readFile(inside('logs/error.log'), 'utf8')).toMatch(
        /EADDRINUSE.*\\n {4}at .*server could not start/,
      );
    },
  );

  test('a start that cannot succeed says one sentence and ends with 1 when there is no mongod, neither here nor to be downloaded', async () => {
    const nowhere = { PATH: inside('empty'), XDG_CACHE_HOME: inside('cache'), MONGODB_URI: '' };
    const mirror = { MONGOMS_USE_HTTP: 'true', MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:9' };
    const line = await failedStart(1, settings({ ...nowhere, ...mirror }));
    expect(line).toMatch(/^No MongoDB was found .* install MongoDB 5\.0 or newer .* MONGODB_URI /);
  });

  test('a start that cannot succeed says one sentence and ends with 78 when the mongod that was chosen is too old', async () => {
    const file = inside('mongod');
    await writeFile(file, '#!/bin/sh\necho "db version v4.4.29"\n');
    await chmod(file, 0o755);
    const line = await failedStart(settingsCode, settings({ MONGODB_URI: '', MONGOMS_SYSTEM_BINARY: file }));
    expect(line).toMatch(/^MONGOMS_SYSTEM_BINARY names .*which is version 4\.4\.29, and 5\.0 is the oldest/);
  });

  // The driver refuses what is older than 4.4 by itself.
  test.each([
    ['4.4', 9],
    ['4.2', 8],
  ])(
    'a start that cannot succeed says one sentence and ends with 78 when the database is MongoDB %s',
    async (_version, maxWireVersion) => {
      const { uri } = await proxied({ maxWireVersion });
      const line = await failedStart(settingsCode, settings({ MONGODB_URI: uri }));
      expect(line).toMatch(
        /^The MongoDB at MONGODB_URI is older than 5\.0, .* update it, or set MONGODB_URI to another one\.$/,
      );
    },
  );

  test.each([
    ['has a part that the driver does not know', '127.0.0.1/film?colour=red', 'option colour is not supported'],
    ['has a port that there is not', '127.0.0.1:99999/film', 'a host or a port in it is not valid'],
    ['has a password with an @', 'film:canary@canary@127.0.0.1/film', 'the password is not written as %40'],
    ['has a password with a %', 'film:canary%zz@127.0.0.1/film', 'URI malformed'],
    ['names a database with a dot', '127.0.0.1/my.film', 'has a character that MongoDB does not accept'],
    ['names a database of MongoDB itself', '127.0.0.1/local', 'belongs to MongoDB itself'],
    ['has no host', 'film:canary/film', 'a host or a port in it is not valid'],
    [
      'has a port with mongodb+srv',
      'film.example.com:27017/film',
      'mongodb+srv URI cannot have port number',
      'mongodb+srv',
    ],
    ['names a file that is not there', '127.0.0.1/film?tls=true&tlsCAFile=/nowhere.pem', '/nowhere.pem cannot be read'],
  ])(
    'a start that cannot succeed says one sentence and ends with 78 when MONGODB_URI %s',
    async (_what, address, fault, scheme = 'mongodb') => {
      const line = await failedStart(settingsCode, settings({ MONGODB_URI: `${scheme}://${address}` }));
      expect(line).toMatch(
        /^MONGODB_URI is not a valid MongoDB address \(.*\); correct it in \.env or the environment\.$/,
      );
      expect(line).toContain(fault);
      expect(line + (await readFile(inside('logs/combined.log'), 'utf8'))).not.toContain('canary');
    },
  );

  test('a start that cannot succeed says one sentence and ends with 78 when Node is too old, before anything is loaded that it cannot read', async () => {
    const old = inside('old-node.cjs');
    await writeFile(
      old,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });
       const load = require('node:module')._load;
       require('node:module')._load = (name, ...rest) => {
         if (!/^\\.|server\\.js$/.test(name)) throw new Error(name + ' was loaded');
         return load(name, ...rest);
       };`,
    );
    const line = await failedStart(settingsCode, settings({ NODE_OPTIONS: `--require ${old}` }));
    expect(line).toMatch(
      /^This is Node 18\.20\.8, and the server needs \d+\.\d+ or newer; install that and start again\.$/,
    );
  });

  test.each(['UPLOAD_DIR', 'DATA_DIR', 'LOG_DIR'])(
    'a start that cannot succeed says one sentence and ends with 78 when %s is a file',
    async (variable) => {
      const file = inside('a-file');
      await writeFile(file, 'x');
      const line = await failedStart(settingsCode, settings({ [variable]: file }));
      expect(line).toMatch(
        new RegExp(`^The folder ${file} cannot be used: it is not a folder; .* set ${variable} to `),
      );
    },
  );

  test.each(['UPLOAD_DIR', 'DATA_DIR', 'LOG_DIR'])(
    'a start that cannot succeed says one sentence and ends with 78 when %s cannot be made',
    async (variable) => {
      // Not even root makes a folder there.
      const line = await failedStart(settingsCode, settings({ [variable]: '/sys/video-maker' }));
      expect(line).toMatch(
        new RegExp(`^The folder /sys/video-maker.* cannot be used: .* set ${variable} to another\\.$`),
      );
    },
  );

  test('a start that cannot succeed says one sentence and ends with 78 when a part of UPLOAD_DIR is a file', async () => {
    await mkdir(inside('uploads'));
    await writeFile(inside('uploads/videos'), 'x');
    expect(await failedStart(settingsCode, settings())).toContain(inside('uploads/videos'));
  });
});

test('HOST takes an IPv6 address in the brackets that it has in a link', async () => {
  const { output } = launch(settings({ HOST: '[::1]' }));
  await eventually(async () => output().includes('server listening'));
  const [, url] = /http=(http:\/\/\[::1\]:\d+) /.exec(output())!;
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

describe('a second start on the data of a running server', () => {
  let server: TestServer;
  const young = () => inside('uploads/tmp/half-an-upload');

  beforeEach(async () => {
    const [port, socketPort] = await Promise.all([freePort(), freePort()]);
    server = await running(settings({ MONGODB_URI: '', SERVER_PORT: port, WS_PORT: socketPort }));
    await writeFile(young(), 'x');
  });

  async function isUnharmed(): Promise<void> {
    expect(existsSync(young())).toBe(true);
    const socket = await connect(server.wsUrl);
    expect((await socket.ask({ type: 'workspace.create' })).type).toBe('workspace.created');
    socket.close();
    expect((await server.get('/health')).body).toMatchObject({ status: 'ok', mongodb: 'connected' });
  }

  test('a second start on the data of a running server ends with 1 and one sentence on the same ports, and harms nothing', async () => {
    const line = await failedStart(1, server.env);
    expect(line).toBe(`Port ${server.env.SERVER_PORT} is taken by another program; stop it or set SERVER_PORT.`);
    await isUnharmed();
  });

  test('a second start on the data of a running server ends with 1 and one sentence on other ports, and harms nothing', async () => {
    const line = await failedStart(1, { ...server.env, SERVER_PORT: '0', WS_PORT: '0' });
    expect(line).toMatch(
      /^Another server uses the data in .*; stop it, or give this one its own DATA_DIR or a MONGODB_URI\.$/,
    );
    await isUnharmed();
  });
});

test('a start removes from uploads/tmp what is older than an hour, and nothing that is younger', async () => {
  await mkdir(inside('uploads/tmp'), { recursive: true });
  for (const [name, minutes] of [
    ['old', 61],
    ['young', 59],
  ] as const) {
    await writeFile(inside('uploads/tmp', name), 'x');
    const changed = new Date(Date.now() - minutes * 60_000);
    await utimes(inside('uploads/tmp', name), changed, changed);
  }
  await running(settings());
  expect(existsSync(inside('uploads/tmp/old'))).toBe(false);
  expect(existsSync(inside('uploads/tmp/young'))).toBe(true);
});

describe('a database that is away', () => {
  test('a database that is away is waited for with one line on the console, and another when it is there', async () => {
    const proxy = await proxied({ isClosed: true });
    const { child, output } = launch(settings({ MONGODB_URI: proxy.uri }));
    await eventually(async () => output().includes('server listening'));
    const url = /http=(\S+)/.exec(output())![1]!;
    const health = async () => (await fetch(`${url}/health`)).status;
    expect(await health()).toBe(503);
    const refused = proxy.refused();
    // The second and third try say nothing.
    await eventually(async () => proxy.refused() > refused + 3);
    expect(child.exitCode).toBeNull();

    proxy.open();
    await eventually(async () => (await health()) === 200);
    await eventually(async () => output().includes('database connected'));
    expect(output().match(/database not reachable/g)).toHaveLength(1);
    expect(output().match(/database connected/g)).toHaveLength(1);
    expect(output()).not.toMatch(/^ {4}at /m);
    expect(await readFile(inside('logs/error.log'), 'utf8')).toMatch(/\\n {4}at .*database not reachable/);
  });

  test('a database that is away and that answers nothing leaves the ports open: what arrives is answered DATABASE_UNAVAILABLE', async () => {
    const proxy = await proxied({ isSilent: true });
    const [port, socketPort] = await Promise.all([freePort(), freePort()]);
    const { output } = launch(settings({ MONGODB_URI: proxy.uri, SERVER_PORT: port, WS_PORT: socketPort }));
    const ask = () => fetch(`http://127.0.0.1:${port}/api/workspaces`).catch(() => null);
    const answer = await eventually(ask);
    const socket = await eventually(() => connect(`ws://127.0.0.1:${socketPort}`).catch(() => null));
    const told = await socket.ask({ type: 'workspace.create' });
    socket.close();
    expect(output()).not.toContain('server listening');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
    expect(told).toMatchObject({ type: 'error', code: 'DATABASE_UNAVAILABLE' });
  });

  test('a database that is away from the moment on that the engine asks it is waited for, and the engine is started then', async () => {
    const before = await running(settings());
    const socket = await connect(before.wsUrl);
    const id = await newWorkspace(socket, await uploadPicture(before), { duration_s: 4 });
    await click(before, id);
    await nextVideo(socket, id, ({ phase }) => phase === 'running');
    await before.kill();
    ends.pop();

    const proxy = await startDatabaseProxy(before.env.MONGODB_URI!, { cutsAt: isAskingForWorkspaces });
    ends.push(proxy.close);
    const again = await before.restart({ MONGODB_URI: proxy.uri });
    ends.push(() => again.stop());
    expect((await again.get('/health')).status).toBe(503);
    proxy.open();
    await eventually(async () => (await again.get('/health')).status === 200);
    expect((await finalVideo(again, id)).status).toBe('completed');
  });
});

/** What the engine does first; before it only the collection and its indexes are made. */
const isAskingForWorkspaces: DatabaseProxy['cutsAt'] = (command, body) =>
  ['find', 'aggregate', 'update', 'findAndModify'].includes(command) && body.includes('workspaces\0');
