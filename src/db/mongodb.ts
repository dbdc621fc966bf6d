import mongoose, { mongo } from 'mongoose';
import { config, configurationExitCode } from '../config';
import { AppError, toAppError } from '../utils/errors';
import { logger, logToFiles } from '../utils/logger';
import { startEmbedded } from './embedded/embedded';
import { checkUri, withoutPinned, wrongUri } from './mongodb-uri';
import { Batch } from './batch';
import { Charge } from './charge';
import { Export } from './export';
import { Film } from './film';
import { Workspace } from './workspace';

/** Writes are acknowledged once a majority has journaled them, and reads go to the primary. */
const connectionOptions: mongoose.ConnectOptions = {
  writeConcern: { w: 'majority', j: true },
  readPreference: 'primary',
  retryWrites: true,
  serverSelectionTimeoutMS: 3000,
  connectTimeoutMS: 3000,
  socketTimeoutMS: 10_000,
  waitQueueTimeoutMS: 3000,
  heartbeatFrequencyMS: 2000,
  maxPoolSize: 20,
  autoIndex: false,
  bufferCommands: false,
};

/** The wire version of MongoDB 5.0, the first with the snapshot sessions that read the list. */
const oldestWireVersion = 13;
const reconnectAfterMs = 1000;
const duplicateKey = 11000;

let embedded: Awaited<ReturnType<typeof startEmbedded>> | null = null;
let hasReplicaSet = false;
let isPreparing = false;
let isPrepared = false;
let isUnavailableReported = false;
let isStopping = false;

type OnReady = () => Promise<void>;

/**
 * Connects to MONGODB_URI or starts the embedded mongod, then calls `onReady`; resolves after the first try, with whether it
 * succeeded. While the database is unavailable, it keeps retrying, including `onReady`. For an error that waiting cannot fix,
 * it throws, or calls `onFatal` if it has resolved.
 */
export async function connectDatabase(onReady: OnReady, onFatal: (error: unknown) => void): Promise<boolean> {
  if (config.MONGODB_URI) checkUri(config.MONGODB_URI);
  else embedded = await startEmbedded();
  const uri = withoutPinned(embedded?.uri ?? config.MONGODB_URI!);
  if (await makeReady(uri, onReady)) return true;
  keepTrying(uri, onReady).catch(onFatal);
  return false;
}

async function keepTrying(uri: string, onReady: OnReady): Promise<void> {
  while (!isStopping) {
    await new Promise((resolve) => setTimeout(resolve, reconnectAfterMs));
    if (isStopping || (await makeReady(uri, onReady))) return;
  }
}

/** False while the database is unavailable. */
async function makeReady(uri: string, onReady: OnReady): Promise<boolean> {
  try {
    if (!isPrepared) await prepare(uri);
    await onReady();
    logger.info('database connected', { replica_set: hasReplicaSet, embedded: embedded !== null });
    return true;
  } catch (error) {
    if (isPermanent(error)) throw error;
    reportUnavailable(error);
    return false;
  }
}

async function prepare(uri: string): Promise<void> {
  isPreparing = true;
  try {
    await mongoose.connect(uri, connectionOptions);
    const hello = await mongoose.connection.db!.admin().command({ hello: 1 });
    if (hello.maxWireVersion < oldestWireVersion) throw tooOld();
    await Promise.all([Workspace, Film, Export, Charge, Batch].map((model) => model.createIndexes()));
    hasReplicaSet = Boolean(hello.setName) || hello.msg === 'isdbgrid';
    if (!hasReplicaSet) {
      logger.warn('mongodb is a standalone server, start it as a replica set to make reorders atomic', {});
    }
    isPrepared = true;
  } catch (error) {
    await mongoose.disconnect().catch(() => undefined);
    throw permanentCause(error) ?? error;
  } finally {
    isPreparing = false;
  }
}

/** The error for an address or a server that the driver will never accept; null for anything that may be temporary. */
function permanentCause(error: unknown): AppError | null {
  // The driver itself rejects versions below 4.4 in its server selection error.
  if (/requires at least (wire version )?\d+ \(MongoDB/.test((error as Error).message)) return tooOld(error);
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall === 'open' && path ? wrongUri(`its file ${path} cannot be read`) : null;
}

const tooOld = (cause?: unknown): AppError =>
  new AppError(
    'DATABASE_UNAVAILABLE',
    'The MongoDB at MONGODB_URI is older than 5.0, the oldest supported version; update it, or set MONGODB_URI to another one.',
    { cause, exitCode: configurationExitCode },
  );

/** An unreachable database is temporary, whatever the driver calls it; once connected, any other error is permanent. */
function isPermanent(error: unknown): boolean {
  if (error instanceof AppError && error.exitCode !== undefined) return true;
  const isDatabaseError = error instanceof mongo.MongoError || toAppError(error).code === 'DATABASE_UNAVAILABLE';
  return isPrepared && !isDatabaseError;
}

const authenticationCodes = [18, 8000];

function reportUnavailable(error: unknown): void {
  if (isUnavailableReported) return logToFiles('debug', 'database still not reachable', { error });
  isUnavailableReported = true;
  const isRefused = authenticationCodes.includes(Number((error as { code?: unknown }).code));
  const what = isRefused ? 'database refuses the user name or password of MONGODB_URI' : 'database not reachable';
  logger.error(`${what}, retrying`, { error });
}

/** Closes the connection, then the embedded mongod. */
export async function closeDatabase(): Promise<void> {
  isStopping = true;
  await mongoose.disconnect();
  await embedded?.stop();
}

/** Whether the driver considers the database connected. */
export const isDatabaseConnected = (): boolean =>
  !isPreparing && mongoose.connection.readyState === mongoose.ConnectionStates.connected;

/** Throws DATABASE_UNAVAILABLE when the database is disconnected or does not answer. */
export async function pingDatabase(): Promise<void> {
  await connectedDatabase().command({ ping: 1 });
}

/** The database; throws DATABASE_UNAVAILABLE while it is disconnected. */
function connectedDatabase(): NonNullable<typeof mongoose.connection.db> {
  const { db } = mongoose.connection;
  if (db && isDatabaseConnected()) return db;
  throw databaseUnavailable();
}

/** Throws DATABASE_UNAVAILABLE while the first connection is being prepared. */
export function throwWhilePreparing(): void {
  if (isPreparing) throw databaseUnavailable();
}

const databaseUnavailable = (): AppError =>
  new AppError('DATABASE_UNAVAILABLE', 'The database is unavailable and nothing was stored; try again in a moment.');

/** The time of the last write to the database; undefined without a replica set. */
export async function lastWriteTime(): Promise<mongo.Timestamp | undefined> {
  const reply = await connectedDatabase().command({ ping: 1 });
  return reply.operationTime as mongo.Timestamp | undefined;
}

/** The error code of a snapshot read right after a collection or an index was created. */
const snapshotUnavailable = 246;

/**
 * Reads as of one moment, `at`: nothing that was written up to it is missed, as an earlier write could otherwise become visible only
 * after the read. `at` is null, and `read` has no session, where the database has no snapshots.
 */
export async function readSnapshot<Result>(
  read: (session?: mongoose.ClientSession) => Promise<Result>,
): Promise<{ result: Result; at: string | null }> {
  if (!hasReplicaSet) return { result: await read(), at: null };
  const session = mongoose.connection.getClient().startSession({ snapshot: true });
  try {
    const result = await read(session);
    const { snapshotTime } = session as { snapshotTime?: { toString: () => string } };
    return { result, at: snapshotTime?.toString() ?? null };
  } catch (error) {
    if ((error as { code?: unknown }).code !== snapshotUnavailable) throw error;
    return { result: await read(), at: null };
  } finally {
    await session.endSession();
  }
}

/** Whether a write failed because a document with the same unique value exists. */
export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof mongo.MongoServerError && error.code === duplicateKey;

/** For a create that another server may have done at the same moment: throws any error but that one. */
export function ignoreDuplicate(error: unknown): void {
  if (!isDuplicateKey(error)) throw error;
}

/** Runs `work` in a transaction if the database has them, else without one. */
export async function inTransaction(work: (session?: mongoose.ClientSession) => Promise<void>): Promise<void> {
  if (!hasReplicaSet) return work();
  // Uses the driver: after a failure, Mongoose would reset its documents with a field that the schema rejects.
  await mongoose.connection.withSession((session) => session.withTransaction(() => work(session)));
}

/** Whether the database is a replica set, with transactions, snapshots and change streams. */
export const isReplicaSet = (): boolean => hasReplicaSet;
