import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { mongo } from 'mongoose';
import { startEmbedded, type Embedded } from '../../../src/db/embedded/embedded';
import { findMongodBinary } from '../../../src/db/embedded/mongod-binary';

jest.setTimeout(60_000);

let folder: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-embedded-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  // A mongod whose server was killed still writes for some seconds.
  await rm(folder, { recursive: true, force: true, maxRetries: 100, retryDelay: 100 });
});

async function start(): Promise<Embedded> {
  const embedded = await startEmbedded(folder);
  ends.push(embedded.stop);
  return embedded;
}

async function connect(uri: string): Promise<mongo.Db> {
  const client = await new mongo.MongoClient(uri, { writeConcern: { w: 'majority', j: true } }).connect();
  ends.push(() => client.close());
  return client.db();
}

const portOf = (uri: string) => Number(/:(\d+)\//.exec(uri)?.[1]);

const pidOf = async (db: mongo.Db) => Number((await db.command({ serverStatus: 1 })).pid);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A server process of its own, in a process group of its own, as a terminal would start it. */
async function startElsewhere(): Promise<{ server: ChildProcess; uri: string }> {
  const code = `
    process.on('SIGINT', () => process.send('interrupted'));
    require('./src/db/embedded/embedded').startEmbedded(process.argv[1]).then(({ uri }) => process.send(uri));
  `;
  const server = spawn(process.execPath, ['--require', 'tsx/cjs', '--eval', code, folder], {
    cwd: path.resolve(__dirname, '../../..'),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: true,
    env: { ...process.env, NODE_ENV: 'test' },
  });
  ends.push(async () => server.kill('SIGKILL'));
  const [uri] = (await once(server, 'message')) as [string];
  return { server, uri };
}

test('what was stored is still there after a restart on another port', async () => {
  const first = await start();
  await (await connect(first.uri)).collection('shots').insertOne({ title: '黎明' });
  await first.stop();
  const squatter = net.createServer((socket) => socket.destroy()).listen(portOf(first.uri), '127.0.0.1');
  await once(squatter, 'listening');
  ends.push(async () => squatter.close());

  const second = await start();

  expect(portOf(second.uri)).not.toBe(portOf(first.uri));
  expect(await (await connect(second.uri)).collection('shots').findOne()).toMatchObject({ title: '黎明' });
});

describe('an embedded mongod that runs', () => {
  let sharedFolder: string;
  let shared: Embedded;
  let db: mongo.Db;

  beforeAll(async () => {
    sharedFolder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-embedded-'));
    shared = await startEmbedded(sharedFolder);
    db = (await new mongo.MongoClient(shared.uri).connect()).db();
  });

  afterAll(async () => {
    await db.client.close();
    await shared.stop();
    await rm(sharedFolder, { recursive: true, force: true });
  });

  test('a transaction that fails leaves nothing, and one that succeeds leaves all', async () => {
    const shots = db.collection('shots');
    await db.client.withSession(async (session) => {
      const failing = session.withTransaction(async () => {
        await shots.insertOne({ title: 'lost' }, { session });
        throw new Error('changed my mind');
      });
      await expect(failing).rejects.toThrow('changed my mind');
      await session.withTransaction(async () => {
        await shots.insertMany([{ title: 'one' }, { title: 'two' }], { session });
      });
    });
    expect(await shots.distinct('title')).toEqual(['one', 'two']);
  });

  test('an embedded mongod listens on loopback only', async () => {
    const { parsed } = (await db.admin().command({ getCmdLineOpts: 1 })) as { parsed?: { net?: { bindIp?: string } } };
    expect(parsed?.net?.bindIp).toBe('127.0.0.1');
  });

  test('a second server on the same folder gets one clear sentence and the first goes on', async () => {
    await expect(startEmbedded(sharedFolder)).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringMatching(/^Another server uses the data in .*DATA_DIR or a MONGODB_URI\.$/) as string,
    });

    const { insertedId } = await db.collection('takes').insertOne({ title: 'still here' });
    expect(await db.collection('takes').findOne({ _id: insertedId })).toMatchObject({ title: 'still here' });
  });
});

test('a mongod that is killed comes back on the same address with everything that was acknowledged', async () => {
  const embedded = await start();
  const db = await connect(embedded.uri);
  for (const title of ['before', 'between', 'after']) {
    await db.collection('shots').insertOne({ title });
    if (title !== 'after') process.kill(await pidOf(db), 'SIGKILL');
  }
  expect(await db.collection('shots').distinct('title')).toEqual(['after', 'before', 'between']);

  const pid = await pidOf(db);
  await embedded.stop();
  expect(isAlive(pid)).toBe(false);
});

test('a stop while mongod is being started again leaves no process behind', async () => {
  const embedded = await start();
  const db = await connect(embedded.uri);
  const closed = once(db.client, 'serverHeartbeatFailed');
  process.kill(await pidOf(db), 'SIGKILL');
  await closed;

  await embedded.stop();

  const again = await start();
  expect(await (await connect(again.uri)).command({ ping: 1 })).toMatchObject({ ok: 1 });
});

test('a Ctrl-C that reaches the whole process group does not end mongod', async () => {
  const { server, uri } = await startElsewhere();
  const interrupted = once(server, 'message');
  process.kill(-server.pid!, 'SIGINT');
  expect(await interrupted).toEqual(['interrupted', undefined]);
  const db = await connect(uri);
  expect(await db.collection('shots').insertOne({ title: 'stored while stopping' })).toMatchObject({
    acknowledged: true,
  });
});

test('after kill -9 of the server the next one waits for the old mongod and finds the data', async () => {
  const { server, uri } = await startElsewhere();
  await (await connect(uri)).collection('shots').insertOne({ title: 'acknowledged' });
  server.kill('SIGKILL');

  const { uri: nextUri } = await start();

  expect(await (await connect(nextUri)).collection('shots').findOne()).toMatchObject({ title: 'acknowledged' });
});

describe('data that the first mongod on PATH cannot open', () => {
  const savedEnvironment = { ...process.env };
  /** The last words of 5.0.32 on data of 6.0. */
  const refusal = JSON.stringify({
    t: { $date: '2026-11-28T08:44:25.344+00:00' },
    s: 'F',
    c: 'CONTROL',
    id: 20573,
    ctx: 'initandlisten',
    msg: 'Wrong mongod version',
    attr: {
      error:
        'UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document (ERROR: Location4926900: Invalid ' +
        'featureCompatibilityVersion document in admin.system.version: { _id: "featureCompatibilityVersion", version: "6.0" }.',
    },
  });
  let cacheHome: string;

  beforeEach(async () => {
    const fitting = await findMongodBinary(() => undefined);
    const first = await startEmbedded(folder);
    await (await connect(first.uri)).collection('shots').insertOne({ title: 'kept' });
    await first.stop();

    const other = path.join(folder, 'bin/mongod');
    await mkdir(path.dirname(other));
    await writeFile(
      other,
      `#!/bin/sh\n[ "$1" = --version ] && echo "db version v5.0.32" && exit\necho '${refusal}'\nexit 62\n`,
    );
    await chmod(other, 0o755);
    cacheHome = path.join(folder, 'cache');
    const cached = path.join(cacheHome, `video-maker/mongod/${process.platform}-${process.arch}`);
    await mkdir(cached, { recursive: true });
    await symlink(fitting, path.join(cached, 'mongod'));
    delete process.env.MONGOMS_SYSTEM_BINARY;
    Object.assign(process.env, { PATH: path.dirname(other), XDG_CACHE_HOME: cacheHome });
  });

  afterEach(() => {
    process.env = { ...savedEnvironment };
  });

  test('data that the first mongod on PATH cannot open is opened by one in the cache that fits', async () => {
    const { uri } = await start();
    expect(await (await connect(uri)).collection('shots').findOne()).toMatchObject({ title: 'kept' });
  });

  test('data that the first mongod on PATH cannot open ends the start with both versions and the way out where there is no other', async () => {
    await rm(cacheHome, { recursive: true });
    await expect(startEmbedded(folder)).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(
        /^The embedded database in .* was made by MongoDB 6\.0, which mongod 5\.0\.32 \(.*\) cannot open; set MONGOMS_SYSTEM_BINARY to .*\.$/,
      ) as string,
    });
  });
});
