import mongoose, { Schema, type Types, model, mongo, trusted } from 'mongoose';
import { config, configurationExitCode } from '../config';
import {
  aspectRatios,
  emptyForm,
  formKeys,
  idleVideo,
  requestIdsKept,
  type AiEntry,
  type Changes,
  type ErrorBody,
  type FormData,
  type Updates,
  type Video,
  type Workspace as WireWorkspace,
} from '../contract';
import { AppError, toAppError } from '../utils/errors';
import { logger, logToFiles } from '../utils/logger';
import { ownStamp } from '../utils/process-id';
import { startEmbedded } from './embedded';
import type { Job } from './job';

/** A workspace as it is stored: the public fields, and what only the server knows. */
export type StoredWorkspace = Omit<WireWorkspace, '_id' | 'ai_collaboration'> & {
  _id: Types.ObjectId;
  ai_collaboration: (Omit<AiEntry, '_id'> & { _id: Types.ObjectId; request_id?: string })[];
  deleted_at: Date | null;
  /** The mark of the write that stored it last, by which each server tells its own writes from those of others. */
  stored_by?: string;
  /** The request_id that created it, for ever, where the client has not chosen its id. */
  created_by?: string;
  /** `<type> <request_id>` of the last messages that were applied. */
  applied: string[];
  /** Which version and message changed each field last, for what repeats an older message; see `edit.ts`. */
  changed?: Record<string, { version: number; by?: string }>;
  job: Job | null;
  /** Attempts that a newer click has replaced, and whose late result becomes a take. */
  superseded: Job[];
  clicks: StoredClick[];
  /** Apart from the clicks, so that none pushes out one that is paid. */
  refusals?: StoredRefusal[];
};

/** The attempt that a click made, and what that said when it was neither the video nor a take any more. */
type StoredClick = { request_id: string; attempt_id: string; outcome?: Video | null };
/** Why a click made no attempt. */
type StoredRefusal = { request_id: string; error: ErrorBody };

const nested = { _id: false, strict: 'throw' } as const;
const word = { type: String, default: '' };

const formFields = {
  camera_movement: word,
  shot_size: word,
  lighting: word,
  prompt: word,
  negative_prompt: word,
  duration_s: { type: Number, default: emptyForm.duration_s },
  aspect_ratio: { type: String, enum: aspectRatios, default: emptyForm.aspect_ratio },
  seed: { type: Number, default: null },
} satisfies Record<keyof FormData, unknown>;

const formSchema = new Schema(formFields, nested);

// A suggestion names only the fields to change, so this one fills nothing in.
const suggestedFormSchema = new Schema(
  Object.fromEntries(formKeys.map((key) => [key, { ...formFields[key], default: undefined }])),
  nested,
);

const text = { type: String, default: null };
const date = { type: Date, default: null };

const videoSchema = new Schema(
  {
    status: { type: String, enum: ['idle', 'generating', 'completed', 'failed'], default: idleVideo.status },
    task_id: text,
    url: text,
    error: { type: new Schema({ code: String, message: String, charged: String }, nested), default: null },
    provider: text,
    model: text,
    phase: text,
    progress: { type: Number, default: null },
    poster_url: text,
    attempt_id: text,
    form_data: { type: formSchema, default: null },
    started_at: date,
    completed_at: date,
  } satisfies Record<keyof Video, unknown>,
  nested,
);

const jobSchema = new Schema(
  {
    attempt_id: String,
    provider: String,
    model: String,
    form_data: formSchema,
    image_path: String,
    state: String,
    task_id: text,
    prepared: text,
    submit_attempts: { type: Number, default: 0 },
    intent_at: Date,
    sent_at: date,
    accepted_at: date,
    cancelled_at: date,
    risk_accepted: { type: Boolean, default: false },
    step: String,
    lease: new Schema({ owner: String, until: Date, epoch: Number }, nested),
  } satisfies Record<keyof Job, unknown>,
  nested,
);

const workspaceSchema = new Schema(
  {
    order_index: { type: Number, required: true },
    image_path: text,
    image_url: text,
    form_data: { type: formSchema, default: () => ({}) },
    video: { type: videoSchema, default: () => ({}) },
    takes: { type: [videoSchema], default: [] },
    ai_collaboration: {
      type: [
        new Schema(
          {
            message: String,
            suggestion: new Schema({ message: String, form_data: suggestedFormSchema }, { ...nested, minimize: false }),
            provider: String,
            model: String,
            created_at: Date,
            request_id: String,
          } satisfies Record<Exclude<keyof StoredWorkspace['ai_collaboration'][number], '_id'>, unknown>,
          { strict: 'throw', minimize: false },
        ),
      ],
      default: [],
    },
    version: { type: Number, default: 1 },
    created_at: { type: Date, default: () => new Date() },
    updated_at: { type: Date, default: () => new Date() },
    deleted_at: date,
    stored_by: String,
    created_by: String,
    applied: { type: [String], default: [] },
    changed: { type: Schema.Types.Mixed, default: undefined },
    job: { type: jobSchema, default: null },
    superseded: { type: [jobSchema], default: [] },
    clicks: {
      type: [
        new Schema(
          {
            request_id: String,
            attempt_id: String,
            outcome: { type: videoSchema, default: null },
          } satisfies Record<keyof StoredClick, unknown>,
          nested,
        ),
      ],
      default: [],
    },
    refusals: {
      type: [
        new Schema(
          {
            request_id: String,
            error: new Schema({ code: String, message: String, details: Schema.Types.Mixed }, nested),
          } satisfies Record<keyof StoredRefusal, unknown>,
          nested,
        ),
      ],
      default: [],
    },
  } satisfies Record<Exclude<keyof StoredWorkspace, '_id'>, unknown>,
  {
    strict: 'throw',
    strictQuery: 'throw',
    versionKey: false,
    autoIndex: false,
    bufferCommands: false,
    minimize: false,
  },
);

workspaceSchema.index({ deleted_at: 1, order_index: 1 });
workspaceSchema.index({ order_index: 1 });
workspaceSchema.index({ 'video.status': 1 });
workspaceSchema.index({ 'job.state': 1, 'job.lease.until': 1 });
workspaceSchema.index({ 'superseded.state': 1 });
workspaceSchema.index({ created_by: 1 }, { unique: true, sparse: true });

mongoose.set('sanitizeFilter', true);
mongoose.set('strictQuery', 'throw');

/** The one model. */
export const Workspace = model<StoredWorkspace>('Workspace', workspaceSchema as unknown as Schema<StoredWorkspace>);

/** One document that remembers the last reorders, as a workspace remembers its edits, and which UPLOAD_DIR is its own. */
export const Timeline = model<{
  _id: string;
  applied: string[];
  uploads_id?: string;
  sweeps?: number;
  /** The last place that one of several servers gave to a new workspace. */
  last_place?: number;
}>(
  'Timeline',
  new Schema(
    { _id: String, applied: [String], uploads_id: String, sweeps: Number, last_place: Number },
    { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, bufferCommands: false },
  ),
);

/** Leaves out what only the server knows; a key with `0` here is never on the wire. */
const publicFields = {
  deleted_at: 0,
  stored_by: 0,
  created_by: 0,
  applied: 0,
  changed: 0,
  job: 0,
  superseded: 0,
  clicks: 0,
  refusals: 0,
  'ai_collaboration.request_id': 0,
} as const;

/** Stores whatever it is given until the majority of the database has it in its journal. */
const connectionOptions: mongoose.ConnectOptions = {
  writeConcern: { w: 'majority', j: true },
  serverSelectionTimeoutMS: 3000,
  connectTimeoutMS: 3000,
  socketTimeoutMS: 10_000,
  waitQueueTimeoutMS: 3000,
  heartbeatFrequencyMS: 2000,
  maxPoolSize: 20,
  autoIndex: false,
  bufferCommands: false,
};

/** What a snapshot is answered with for a moment after a collection or an index was made. */
const snapshotUnavailable = 246;

/** That of MongoDB 5.0: the list is read in snapshot sessions, which older servers do not have. */
const oldestWireVersion = 13;
const againAfterMs = 1000;

let embedded: Awaited<ReturnType<typeof startEmbedded>> | null = null;
let hasTransactions = false;
let isPreparing = false;
let isPrepared = false;
let isAwayKnown = false;
let isStopping = false;

type OnReady = () => Promise<void>;

/**
 * Connects to MONGODB_URI or starts the embedded mongod, then calls `onReady`; resolves after the first try, true when all
 * of it is done. While the database is away it goes on trying, `onReady` included. Throws, and later calls `onFatal`, for
 * what no waiting mends.
 */
export async function connectDatabase(onReady: OnReady, onFatal: (error: unknown) => void): Promise<boolean> {
  if (config.MONGODB_URI) checkUri(config.MONGODB_URI);
  else embedded = await startEmbedded();
  const uri = embedded?.uri ?? config.MONGODB_URI!;
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

/** False while the database is away. */
async function makeReady(uri: string, onReady: OnReady): Promise<boolean> {
  try {
    if (!isPrepared) await prepare(uri);
    await onReady();
    logger.info('database connected', { replica_set: hasTransactions, embedded: embedded !== null });
    return true;
  } catch (error) {
    if (isLasting(error)) throw error;
    tellAway(error);
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

/** Throws one sentence where the driver does not take the address at all. */
function checkUri(uri: string): void {
  let client: mongo.MongoClient;
  try {
    client = new mongo.MongoClient(uri);
  } catch (error) {
    throw wrongUri(faultOfUri(error as Error));
  }
  const { dbName } = client.options;
  if (dbName === 'local') throw wrongUri('its database "local" is one of MongoDB itself');
  if (!databaseName.test(dbName))
    throw wrongUri(`its database name "${dbName.slice(0, 70)}" has a character that MongoDB does not take, or over 63`);
}

/** What MongoDB takes on every system. */
const databaseName = /^[^/\\. "$*<>:|?,]{1,63}$/;

// What the driver quotes can be a part of the password.
function faultOfUri({ message }: Error): string {
  if (/Unable to parse|Invalid URL/.test(message)) return 'a host or a port in it is not valid';
  const isAtSign = message === 'Invalid connection string' || /unescaped/i.test(message);
  return isAtSign
    ? 'a part is missing, or an @, :, / or % of the password is not written as %40, %3A, %2F or %25'
    : message;
}

const wrongUri = (fault: string): AppError => {
  const message = `MONGODB_URI is not an address of MongoDB (${fault}); correct it in .env or the environment.`;
  return new AppError('DATABASE_UNAVAILABLE', message, { exitCode: configurationExitCode });
};

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

function tellAway(error: unknown): void {
  if (isAwayKnown) return logToFiles('debug', 'database still not reachable', { error });
  isAwayKnown = true;
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

/** Throws DATABASE_UNAVAILABLE when the database is known to be away, and when it does not answer. */
export async function pingDatabase(): Promise<void> {
  await connected().command({ ping: 1 });
}

function connected(): NonNullable<typeof mongoose.connection.db> {
  const { db } = mongoose.connection;
  if (db && isDatabaseConnected()) return db;
  throw databaseUnavailable();
}

const databaseUnavailable = (): AppError =>
  new AppError('DATABASE_UNAVAILABLE', 'The database is unavailable and nothing was stored; try again in a moment.');

/** When the database last wrote anything, as its replica set counts it; undefined where it is none. */
export async function lastWriteTime(): Promise<mongo.Timestamp | undefined> {
  const reply = await connected().command({ ping: 1 });
  return reply.operationTime as mongo.Timestamp | undefined;
}

/** Runs `work` in a transaction where the server has them, else plainly. */
export async function inTransaction(work: (session?: mongoose.ClientSession) => Promise<void>): Promise<void> {
  if (!hasTransactions) return work();
  await mongoose.connection.transaction((session) => work(session));
}

/** Whether the database can tell one server what another has stored. */
export const isShareable = (): boolean => hasTransactions;

/** The stored workspace with that id, not in the trash; else throws WORKSPACE_NOT_FOUND. */
export async function findWorkspace(workspaceId: string): Promise<StoredWorkspace> {
  if (isPreparing) throw databaseUnavailable();
  const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
  if (!found) throw workspaceNotFound();
  return found;
}

/**
 * The public part of every workspace that is not in the trash, in order, as BSON, so that a caller decodes only what it has
 * not seen; with the moment of which it is the whole truth, or null where the server has no such moment.
 */
export async function storedTimeline(): Promise<{ documents: Buffer[]; at: string | null }> {
  if (!hasTransactions) return { documents: await findTimeline(), at: null };
  // Read plainly, a write of an earlier time can become visible later, and would be missed until the next write.
  const session = mongoose.connection.getClient().startSession({ snapshot: true });
  try {
    const documents = await findTimeline(session);
    const { snapshotTime } = session as { snapshotTime?: { toString: () => string } };
    return { documents, at: snapshotTime?.toString() ?? null };
  } catch (error) {
    if ((error as { code?: unknown }).code !== snapshotUnavailable) throw error;
    return { documents: await findTimeline(), at: null };
  } finally {
    await session.endSession();
  }
}

async function findTimeline(session?: mongoose.ClientSession): Promise<Buffer[]> {
  const options = { projection: publicFields, sort: { order_index: 1, _id: 1 }, raw: true, session } as const;
  return (await Workspace.collection.find({ deleted_at: null }, options).toArray()) as unknown as Buffer[];
}

/** The ids of every workspace that is not in the trash, in order. */
export async function readOrder(): Promise<string[]> {
  const sort = { order_index: 1, _id: 1 } as const;
  const rows = await Workspace.find({ deleted_at: null }, { _id: 1 }).sort(sort).lean();
  return rows.map(({ _id }) => String(_id));
}

/** The error of an id that is unknown or in the trash. */
export const workspaceNotFound = (): AppError =>
  new AppError(
    'WORKSPACE_NOT_FOUND',
    'There is no workspace with this id; it may have been deleted. Load the list again.',
  );

/** The public part of a stored workspace, as it goes over the wire. */
export function toWire(stored: StoredWorkspace): WireWorkspace {
  const { deleted_at, stored_by, created_by, applied, changed, job, superseded, clicks, refusals, ...rest } = stored;
  return toJson({
    ...rest,
    ai_collaboration: rest.ai_collaboration.map(({ request_id, ...entry }) => entry),
  });
}

/** Dates become ISO strings and ids hex, as `JSON.stringify` has them. */
export const toJson = <Wire>(value: unknown): Wire => JSON.parse(JSON.stringify(value)) as Wire;

/** Flattens what a client wants to change to dotted leaves; `image_path` and `image_url` follow each other. */
export function toChanges(updates: Updates): Changes {
  const { form_data: form = {}, image_path: path, image_url: url, ...dotted } = updates;
  const fromForm = Object.fromEntries(Object.entries(form).map(([key, value]) => [`form_data.${key}`, value]));
  const twice = Object.keys(fromForm).find((key) => key in dotted);
  if (twice) {
    const details = [{ path: `updates.${twice}`, message: 'is named twice' }];
    throw new AppError('INVALID_INPUT', `The update names "${twice}" twice; send it once.`, { details });
  }
  return { ...imageChanges(path, url), ...fromForm, ...dotted };
}

function imageChanges(path: string | null | undefined, url: string | null | undefined): Changes {
  if (path === undefined && url === undefined) return {};
  const fromUrl = url === undefined || url === null ? url : url.slice(1);
  if (path !== undefined && fromUrl !== undefined && path !== fromUrl) {
    const details = [{ path: 'image_url', message: 'names another picture than image_path' }];
    throw new AppError('INVALID_INPUT', 'The image_path and the image_url name different pictures; send one.', {
      details,
    });
  }
  const image = path ?? fromUrl ?? null;
  return { image_path: image, image_url: image && `/${image}` };
}

/** The update that stores new values, counts the version by as many steps as are told, and remembers the requests. */
export function toSet(set: object, applied?: string | string[], steps = 1) {
  return {
    $set: { ...set, updated_at: new Date(), stored_by: ownStamp(steps) },
    $inc: { version: steps },
    ...remember(applied),
  };
}

/** The update that remembers the requests and changes nothing else. */
export const remember = (applied: string | string[] = []) => {
  const names = [applied].flat();
  return names.length > 0 ? { $push: { applied: { $each: names, $slice: -requestIdsKept } } } : {};
};

/** Remembers a message that had nothing to change, so that the same one again does not undo what was done since. */
export async function rememberUnchanged(workspaceId: string, applied: string | undefined): Promise<void> {
  if (applied) await Workspace.updateOne({ _id: workspaceId, ...notApplied(applied) }, remember(applied));
}

/** Matches unless a message with this type and request_id, or one of them, was applied before. */
export const notApplied = (applied: string | string[] = []) => {
  const names = [applied].flat();
  return names.length > 0 ? { applied: trusted({ $nin: names }) } : {};
};
