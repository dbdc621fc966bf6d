import mongoose, { mongo } from 'mongoose';
import { config, configurationExitCode } from '../config';
import { AppError, toAppError } from '../utils/errors';
import { logger, logToFiles } from '../utils/logger';
import { startEmbedded } from './embedded/embedded';
import { checkUri, withoutPinned, wrongUri } from './mongodb-uri';
import { Workspace } from './workspace';

/** Stores whatever it is given until the majority of the database has it in its journal, and reads what is stored. */
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

/** That of MongoDB 5.0: the list is read in snapshot sessions, which older servers do not have. */
const oldestWireVersion = 13;
const againAfterMs = 1000;

let embedded: Awaited<ReturnType<typeof startEmbedded>> | null = null;
let hasTransactions = false;
let isPreparing = false;
let isPrepared = false;
let isUnavailableReported = false;
let isStopping = false;

type OnReady = () => Promise<void>;

/**
 * Connects to MONGODB_URI or starts the embedded mongod, then calls `onReady`; resolves after the first try, true when all
 * of it is done. While the database is unavailable it goes on trying, `onReady` included. Throws, and later calls `onFatal`, for
 * what no waiting mends.
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
    await new Promise((resolve) => setTimeout(resolve, againAfterMs));
    if (isStopping || (await makeReady(uri, onReady))) return;
  }
}

/** False while the database is unavailable. */
async function makeReady(uri: string, onReady: OnReady): Promise<boolean> {
  try {
    if (!isPrepared) await prepare(uri);
    await onReady();
    logger.info('database connected', { replica_set: hasTransactions, embedded: embedded !== null });
    return true;
  } catch (error) {
    if (isLasting(error)) throw error;
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
    await Workspace.createIndexes();
    hasTransactions = Boolean(hello.setName) || hello.msg === 'isdbgrid';
    if (!hasTransactions) {
      logger.warn('mongodb is a standalone server: start it as a replica set to make a reorder atomic', {});
    }
    isPrepared = true;
  } catch (error) {
    await mongoose.disconnect().catch(() => undefined);
    throw lastingCause(error) ?? error;
  } finally {
    isPreparing = false;
  }
}

/** What the driver says of an address or a server that it will never take; null for all that may pass. */
function lastingCause(error: unknown): AppError | null {
  // The driver itself gives up below 4.4, and says so in the error of its search for a server.
  if (/requires at least (wire version )?\d+ \(MongoDB/.test((error as Error).message)) return tooOld(error);
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall === 'open' && path ? wrongUri(`its file ${path} cannot be read`) : null;
}

const tooOld = (cause?: unknown): AppError =>
  new AppError(
    'DATABASE_UNAVAILABLE',
    'The MongoDB of MONGODB_URI is older than 5.0, which is the oldest that works; update it, or set MONGODB_URI to another.',
    { cause, exitCode: configurationExitCode },
  );

/** An unreachable database passes, whatever the driver calls it; once connected, an error of our own does not. */
function isLasting(error: unknown): boolean {
  if (error instanceof AppError && error.exitCode !== undefined) return true;
  const isOfDatabase = error instanceof mongo.MongoError || toAppError(error).code === 'DATABASE_UNAVAILABLE';
  return isPrepared && !isOfDatabase;
}

const authenticationCodes = [18, 8000];

function reportUnavailable(error: unknown): void {
  if (isUnavailableReported) return logToFiles('debug', 'database still not reachable', { error });
  isUnavailableReported = true;
  const isRefused = authenticationCodes.includes(Number((error as { code?: unknown }).code));
  const what = isRefused ? 'database refuses the user name or password of MONGODB_URI' : 'database not reachable';
  logger.error(`${what}, trying again`, { error });
}

/** Closes the connection and, last, the embedded mongod. */
export async function closeDatabase(): Promise<void> {
  isStopping = true;
  await mongoose.disconnect();
  await embedded?.stop();
}

/** Whether the database is there as far as the driver knows. */
export const isDatabaseConnected = (): boolean =>
  !isPreparing && mongoose.connection.readyState === mongoose.ConnectionStates.connected;

/** Throws DATABASE_UNAVAILABLE when the database is known to be unavailable, and when it does not answer. */
export async function pingDatabase(): Promise<void> {
  await connectedDatabase().command({ ping: 1 });
}

/** The database; throws DATABASE_UNAVAILABLE while it is not there. */
function connectedDatabase(): NonNullable<typeof mongoose.connection.db> {
  const { db } = mongoose.connection;
  if (db && isDatabaseConnected()) return db;
  throw databaseUnavailable();
}

/** Throws DATABASE_UNAVAILABLE as long as the first connection is being prepared. */
export function throwWhilePreparing(): void {
  if (isPreparing) throw databaseUnavailable();
}

const databaseUnavailable = (): AppError =>
  new AppError('DATABASE_UNAVAILABLE', 'The database is unavailable and nothing was stored; try again in a moment.');

/** When the database last wrote anything, as its replica set counts it; undefined where it is none. */
export async function lastWriteTime(): Promise<mongo.Timestamp | undefined> {
  const reply = await connectedDatabase().command({ ping: 1 });
  return reply.operationTime as mongo.Timestamp | undefined;
}

/** Runs `work` in a transaction where the server has them, else plainly. */
export async function inTransaction(work: (session?: mongoose.ClientSession) => Promise<void>): Promise<void> {
  if (!hasTransactions) return work();
  // By the driver: Mongoose would reset its documents after a failure, with a field that the schema refuses.
  await mongoose.connection.withSession((session) => session.withTransaction(() => work(session)));
}

/** Whether the database is a replica set: it has transactions and snapshots, and can tell one server what another has stored. */
export const isShareable = (): boolean => hasTransactions;
