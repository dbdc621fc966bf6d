import { setTimeout as delay } from 'node:timers/promises';
import { MongoInstance, MongoInstanceEvents } from 'mongodb-memory-server-core/lib/util/MongoInstance';
import { ResolveConfigVariables, setDefaultValue } from 'mongodb-memory-server-core/lib/util/resolveConfig';
import { mongo } from 'mongoose';

/** A running mongod. */
export type Running = {
  instance: MongoInstance;
  /** Resolves when the process has ended, for any reason. */
  closed: Promise<void>;
};

export const host = '127.0.0.1';
export const replicaSet = 'video-maker';
const startTimeoutMs = 60_000;
const goneAfterMs = 5000;

const mongodArguments = [
  ['--wiredTigerCacheSizeGB', '0.25'],
  // By default MongoDB's own journal takes 300 MB before the first document, and the oplog up to 5 % of the disk.
  ['--wiredTigerEngineConfigString', 'log=(file_max=16MB)'],
  ['--oplogSize', '128'],
  ['--setParameter', 'diagnosticDataCollectionEnabled=false'],
  process.platform === 'win32' ? [] : ['--nounixsocket'],
].flat();

// findMongodBinary has checked the version, and the package would warn about any version but its own.
setDefaultValue(ResolveConfigVariables.SYSTEM_BINARY_VERSION_CHECK, 'false');

/**
 * Starts this mongod on loopback as a single-member replica set and resolves once it accepts writes; otherwise rejects with
 * mongod's first error line.
 */
export async function launch(binary: string, dbPath: string, port: number): Promise<Running> {
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
    // Ctrl-C reaches the whole process group, but the database must outlive the last writes.
    spawn: { detached: true, windowsHide: true },
  });
  const errorLines = readLines(instance);
  // The package would shut a replica set down over the network, and wait up to 5 s for an answer; a signal is enough.
  instance.once(MongoInstanceEvents.instanceLaunched, () => (instance.isReplSet = false));
  const closed = new Promise<void>((resolve) => instance.once(MongoInstanceEvents.instanceClosed, () => resolve()));
  try {
    await instance.start();
    await becomePrimary(port);
    return { instance, closed };
  } catch (error) {
    await instance.stop();
    const [errorLine] = errorLines;
    throw errorLine ? new Error(`${String(error)}; mongod logged: ${errorLine}`, { cause: error }) : error;
  }
}

/** Passes whole lines to the instance, which parses each chunk as one line; returns the list that collects mongod's errors. */
function readLines(instance: MongoInstance): string[] {
  const handleLine = instance.stdoutHandler.bind(instance);
  const errorLines: string[] = [];
  let rest = '';
  instance.stdoutHandler = (chunk) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (/"s":"[EF]"/.test(line)) errorLines.push(line);
      handleLine(line);
    }
  };
  return errorLines;
}

async function becomePrimary(port: number): Promise<void> {
  const options = { directConnection: true, serverSelectionTimeoutMS: goneAfterMs };
  const client = new mongo.MongoClient(`mongodb://${host}:${port}`, options);
  const giveUpAt = performance.now() + startTimeoutMs;
  try {
    const admin = client.db('admin');
    while (performance.now() < giveUpAt) {
      try {
        if (await isWritable(admin)) return;
        await configure(admin, `${host}:${port}`);
      } catch (error) {
        // If another program now has the old port and stays silent, mongod waits half a minute for it, then closes our connection.
        if (!(error instanceof mongo.MongoNetworkError)) throw error;
      }
      await delay(20);
    }
    throw new Error('mongod did not become primary in time');
  } finally {
    await client.close();
  }
}

// The replica set remembers its last port, and would wait for a member there.
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

// While mongod is reading its configuration, it first reports none, then says that one exists.
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
