import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { lastWriteTime } from './mongodb';
import { isProcessGone, processId } from '../utils/process-id';

// Each server keeps one document in `servers`, and counts as gone when it stops renewing it.

const renewEveryMs = 2000;
/** Short enough that servers broadcast each other's changes within a second, even right after a start. */
const refreshEveryMs = 500;
const announceTimeoutMs = 3000;
const aliveForMs = 10_000;
/** How long a server still counts after it is gone, since a message lost with it may be sent again to this one. */
const rememberedForMs = 10 * 60_000;

type Server = {
  _id: string;
  until: Date;
  /** The other servers that this one knows, whose changes it broadcasts. */
  knows?: string[];
};

let timer: NodeJS.Timeout | undefined;
let others: string[] = [];
let lastSeenMs = -Infinity;
let onOthers: (since?: mongo.Timestamp) => void = () => undefined;
/** The last database time without another server. */
let aloneAt: mongo.Timestamp | undefined;

/** Whether no other server has used this database recently, so that this process has received every message. */
export const isOnlyServer = (): boolean => performance.now() - lastSeenMs > rememberedForMs;

/**
 * Registers this server and waits until the others know it; may be called again. Calls `whenOthersCome` when another server
 * appears, with the last database time without one. Throws while another server runs if the database has no change streams
 * (`isReplicaSet` is false).
 */
export async function joinServers(isReplicaSet: boolean, whenOthersCome: typeof onOthers): Promise<void> {
  onOthers = whenOthersCome;
  const deadlineMs = performance.now() + aliveForMs + renewEveryMs;
  while (!isReplicaSet && (await findOthers()).length > 0) {
    // By then, a server that was killed on another machine counts as gone.
    if (performance.now() > deadlineMs) throw notShareable();
    await sleep(renewEveryMs / 2);
  }
  await renew();
  await refreshOthers();
  clearInterval(timer);
  let rounds = 0;
  timer = setInterval(() => {
    const isRenewal = ++rounds % (renewEveryMs / refreshEveryMs) === 0;
    void Promise.all([refreshOthers(), isRenewal && renew()]).catch(logRenewalError);
  }, refreshEveryMs);
  // A frozen server, or one of an older version, never registers this one.
  const untilMs = performance.now() + announceTimeoutMs;
  while (performance.now() < untilMs && (await isUnknownToOthers())) await sleep(refreshEveryMs / 5);
}

/** Deregisters this server. */
export async function leaveServers(): Promise<void> {
  clearInterval(timer);
  if (mongoose.connection.readyState !== mongoose.ConnectionStates.connected) return;
  await servers().deleteOne({ _id: processId });
}

async function renew(): Promise<void> {
  const until = { $add: ['$$NOW', aliveForMs] };
  await servers().updateOne({ _id: processId }, [{ $set: { until } }], { upsert: true });
}

async function refreshOthers(): Promise<void> {
  const wasAlone = others.length === 0;
  const now = await lastWriteTime();
  const known = others;
  others = (await findOthers()).map(({ _id }) => _id);
  if (String(known) !== String(others)) await servers().updateOne({ _id: processId }, { $set: { knows: others } });
  if (others.length === 0) aloneAt = now;
  if (others.length === 0) return;
  lastSeenMs = performance.now();
  if (wasAlone) onOthers(aloneAt ?? now);
}

/** Whether another server does not know this one yet. */
const isUnknownToOthers = async (): Promise<boolean> =>
  (await findOthers()).some(({ knows = [] }) => !knows.includes(processId));

/** The other live servers, by the clock of the database; deletes those that are gone. */
async function findOthers(): Promise<Server[]> {
  const found = await servers()
    .aggregate<Server & { isExpired: boolean }>([
      { $match: { _id: { $ne: processId } } },
      { $set: { isExpired: { $lt: ['$until', '$$NOW'] } } },
    ])
    .toArray();
  const gone = found.filter(({ _id, isExpired }) => isExpired || isProcessGone(_id)).map(({ _id }) => _id);
  if (gone.length > 0) await servers().deleteMany({ _id: { $in: gone } });
  return found.filter(({ _id }) => !gone.includes(_id));
}

const servers = () => mongoose.connection.collection<Server>('servers');

const logRenewalError = (error: unknown) => logger.warn('server registration not renewed', { error });

const notShareable = (): AppError =>
  new AppError(
    'DATABASE_UNAVAILABLE',
    'Another server uses this MongoDB, which is a standalone server and cannot serve two; stop the other one, or start MongoDB as a replica set.',
    { exitCode: 1 },
  );
