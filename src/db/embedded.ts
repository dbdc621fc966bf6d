import { mkdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MongoInstance, MongoInstanceEvents } from 'mongodb-memory-server-core/lib/util/MongoInstance';
import { ResolveConfigVariables, setDefaultValue } from 'mongodb-memory-server-core/lib/util/resolveConfig';
import { mongo } from 'mongoose';
import { config } from '../config';
import { AppError } from '../utils/errors';
import { logger, logToFiles } from '../utils/logger';
import { findMongodBinary } from './mongod-binary';

export type Embedded = {
  uri: string;
  /** Ends mongod and keeps the data; call it last, when nobody asks the database any more. */
  stop: () => Promise<void>;
};

type Running = {
  instance: MongoInstance;
  /** Resolves when the process is gone, whoever ended it. */
  closed: Promise<void>;
};

const host = '127.0.0.1';
const replicaSet = 'video-maker';
const databaseName = 'video-maker';
const lockWaitMs = 10_000;
const startTimeoutMs = 60_000;
const goneAfterMs = 5000;
const shortestWaitMs = 250;
const longestWaitMs = 10_000;
const steadyAfterMs = 60_000;
const portAttempts = 3;

const mongodArguments = [
  ['--wiredTigerCacheSizeGB', '0.25'],
  // By default the journal takes 300 MB before the first document, and the oplog up to 5 % of the disk.
  ['--wiredTigerEngineConfigString', 'log=(file_max=16MB)'],
  ['--oplogSize', '128'],
  ['--setParameter', 'diagnosticDataCollectionEnabled=false'],
  process.platform === 'win32' ? [] : ['--nounixsocket'],
].flat();

// findMongodBinary has asked for the version already; the package would warn about each that is not its own.
setDefaultValue(ResolveConfigVariables.SYSTEM_BINARY_VERSION_CHECK, 'false');

/**
 * Starts a real mongod as a replica set of one on loopback, with its data in `<dataFolder>/db`; returns once it takes
 * writes. One that dies is started again on the same port. Throws DATABASE_UNAVAILABLE, as when another has the folder.
 */
export async function startEmbedded(dataFolder: string = config.DATA_DIR): Promise<Embedded> {
  const dbPath = path.join(dataFolder, 'db');
  await mkdir(dbPath, { recursive: true });
  const { port, running: first } = await startOnFreePort(dbPath);
  logger.info('embedded mongod started, production sets MONGODB_URI instead', { data: dbPath, port });

  let running = first;
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  const watching = watch();
  return { uri: `mongodb://${host}:${port}/${databaseName}?replicaSet=${replicaSet}`, stop };

  async function watch(): Promise<void> {
    let startedAt = Date.now();
    let waitMs = 0;
    for (;;) {
      await Promise.race([running.closed, stopped]);
      if (stopping.signal.aborted) return;
      const wasSteady = Date.now() - startedAt > steadyAfterMs;
      waitMs = wasSteady ? shortestWaitMs : Math.min(Math.max(2 * waitMs, shortestWaitMs), longestWaitMs);
      logger.error('embedded mongod is gone, starting it again', { wait_ms: waitMs });
      await Promise.race([delay(waitMs, undefined, { ref: false }), stopped]);
      if (stopping.signal.aborted) return;
      startedAt = Date.now();
      try {
        await running.instance.stop();
        running = await start(dbPath, port);
        logger.info('embedded mongod is back', { took_ms: Date.now() - startedAt });
      } catch (error) {
        logger.error('embedded mongod does not start', { error });
      }
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await watching;
    await running.instance.stop();
  }
}

async function startOnFreePort(dbPath: string): Promise<{ port: number; running: Running }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      return { port, running: await start(dbPath, port) };
    } catch (error) {
      const lostThePort = error instanceof Error && /already in use/.test(String(error.cause));
      if (!lostThePort || attempt === portAttempts) throw error;
    }
  }
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

// A server that was killed leaves its mongod behind for some seconds, until that is ended by its own watchdog.
async function start(dbPath: string, port: number): Promise<Running> {
  const binary = await findMongodBinary(
    (line) => logger.info(line),
    (line) => logToFiles('info', line),
  );
  const giveUpAt = Date.now() + lockWaitMs;
  for (let waited = false; ; waited = true) {
    try {
      return await launch(binary, dbPath, port);
    } catch (error) {
      const isHeld = /DBPathInUse/.test(String(error));
      if (!isHeld || Date.now() > giveUpAt) throw toStartError(dbPath, isHeld, error);
      if (!waited) logToFiles('info', 'waiting for the previous mongod to let go of the data', { data: dbPath });
      await waitForLock(dbPath, giveUpAt);
    }
  }
}

function toStartError(dbPath: string, isHeld: boolean, cause: unknown): AppError {
  const message = isHeld
    ? `Another server uses the data in ${dbPath}; stop it, or give this one its own DATA_DIR or a MONGODB_URI.`
    : `The embedded database in ${dbPath} does not start; see the cause in the log, or set MONGODB_URI to another.`;
  return new AppError('DATABASE_UNAVAILABLE', message, { cause });
}

async function waitForLock(dbPath: string, giveUpAt: number): Promise<void> {
  await delay(100);
  while (Date.now() <= giveUpAt && (await isLockHeld(dbPath))) await delay(100);
}

async function isLockHeld(dbPath: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path.join(dbPath, 'mongod.lock'), 'utf8'));
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    // Windows refuses to read a locked file; everything else means that nobody holds it.
    return ['EBUSY', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

async function launch(binary: string, dbPath: string, port: number): Promise<Running> {
  const instance = new MongoInstance({
    instance: {
      port,
      dbPath,
      ip: host,
      replSet: replicaSet,
      storageEngine: 'wiredTiger',
      launchTimeout: startTimeoutMs,
      args: mongodArguments,
    },
    binary: { systemBinary: binary },
    // Ctrl-C reaches the whole process group, and the database has to outlive the work that still wants to be stored.
    spawn: { detached: true, windowsHide: true },
  });
  const complaints = readLines(instance);
  // The instance would ask a replica set over the network to shut down, for 5 s where it is silent; a signal is enough.
  instance.once(MongoInstanceEvents.instanceLaunched, () => (instance.isReplSet = false));
  const closed = new Promise<void>((resolve) => instance.once(MongoInstanceEvents.instanceClosed, () => resolve()));
  try {
    await instance.start();
    await becomePrimary(port);
    return { instance, closed };
  } catch (error) {
    await instance.stop();
    const [complaint] = complaints;
    throw complaint ? new Error(`${String(error)}; mongod said: ${complaint}`, { cause: error }) : error;
  }
}

/** Gives the instance whole lines, as it parses each chunk as one; returns the list that mongod's errors go to. */
function readLines(instance: MongoInstance): string[] {
  const handleLine = instance.stdoutHandler.bind(instance);
  const complaints: string[] = [];
  let rest = '';
  instance.stdoutHandler = (chunk) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (/"s":"[EF]"/.test(line)) complaints.push(line);
      handleLine(line);
    }
  };
  return complaints;
}

async function becomePrimary(port: number): Promise<void> {
  const options = { directConnection: true, serverSelectionTimeoutMS: goneAfterMs };
  const client = new mongo.MongoClient(`mongodb://${host}:${port}`, options);
  const giveUpAt = Date.now() + startTimeoutMs;
  try {
    const admin = client.db('admin');
    while (Date.now() < giveUpAt) {
      try {
        if (await isWritable(admin)) return;
        await configure(admin, `${host}:${port}`);
      } catch (error) {
        // Where a silent program has the old port by now, mongod asks it for half a minute, then hangs up on us.
        if (!(error instanceof mongo.MongoNetworkError)) throw error;
      }
      await delay(20);
    }
    throw new Error('mongod did not become primary in time');
  } finally {
    await client.close();
  }
}

// The set remembers the port of its last start, and without help waits for a member that is not there any more.
async function configure(admin: mongo.Db, member: string): Promise<void> {
  const stored = await readStoredConfiguration(admin);
  if (!stored) {
    await initiate(admin, member);
    return;
  }
  if (stored.members.length === 1 && stored.members[0]?.host === member) return;
  const members = [{ ...stored.members[0], _id: 0, host: member }];
  await admin.command({ replSetReconfig: { ...stored, members, version: stored.version + 1 }, force: true });
}

// While mongod still reads its configuration it says that it has none, and then that it has one.
async function initiate(admin: mongo.Db, member: string): Promise<void> {
  try {
    await admin.command({ replSetInitiate: { _id: replicaSet, members: [{ _id: 0, host: member }] } });
  } catch (error) {
    if (!hasCode(error, alreadyInitialized)) throw error;
  }
}

type StoredConfiguration = { version: number; members: { host: string }[] };

const alreadyInitialized = 23;
const notYetInitialized = 94;

const hasCode = (error: unknown, code: number) => error instanceof mongo.MongoServerError && error.code === code;

async function readStoredConfiguration(admin: mongo.Db): Promise<StoredConfiguration | null> {
  try {
    const reply = await admin.command({ replSetGetConfig: 1 });
    return reply.config as StoredConfiguration;
  } catch (error) {
    if (hasCode(error, notYetInitialized)) return null;
    throw error;
  }
}

async function isWritable(admin: mongo.Db): Promise<boolean> {
  const reply = await admin.command({ hello: 1 });
  return reply.isWritablePrimary === true;
}
