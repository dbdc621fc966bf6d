import { setTimeout as sleep } from 'node:timers/promises';
import mongoose, { type mongo } from 'mongoose';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { lastWriteTime } from './mongodb';
import { isProcessGone, processId } from '../utils/process-id';

// Each server on this database keeps one document in `servers`, and is gone when it does not renew it.

const renewEveryMs = 2000;
/** What is stored is told by other servers within a second, also right after one has started. */
const lookEveryMs = 500;
const knownWithinMs = 3000;
const aliveForMs = 10_000;
/** How long a server that is gone still counts: a message that was lost with it may come again here. */
const rememberedForMs = 10 * 60_000;

type Server = {
  _id: string;
  until: Date;
  /** The other servers that this one knows of, so that it tells what they store. */
  knows?: string[];
};

let timer: NodeJS.Timeout | undefined;
let others: string[] = [];
let lastSeenMs = -Infinity;
let onOthers: (since?: mongo.Timestamp) => void = () => undefined;
/** The last moment of the database at which no other server was there. */
let aloneAt: mongo.Timestamp | undefined;

/** Whether no other server works on this database, or did of late, so that every message about it came to this process. */
export const isOnlyServer = (): boolean => performance.now() - lastSeenMs > rememberedForMs;

/**
 * Makes this server known to the others, and waits until they know it; may be repeated. Calls `whenOthersCome` as soon as it
 * is not alone, with the last moment of the database at which it was. Where the database cannot tell one server what another
 * has stored (`isShareable` false), throws while another one is there.
 */
export async function joinServers(isShareable: boolean, whenOthersCome: typeof onOthers): Promise<void> {
  onOthers = whenOthersCome;
  const givesUpAtMs = performance.now() + aliveForMs + renewEveryMs;
  while (!isShareable && (await findOthers()).length > 0) {
    // One that was killed in a place that cannot be seen from here falls silent within that time.
    if (performance.now() > givesUpAtMs) throw notShareable();
    await sleep(renewEveryMs / 2);
  }
  await renew();
  await look();
  clearInterval(timer);
  let rounds = 0;
  timer = setInterval(() => {
    const isRenewal = ++rounds % (renewEveryMs / lookEveryMs) === 0;
    void Promise.all([look(), isRenewal && renew()]).catch(logNotRenewed);
  }, lookEveryMs);
  // One that is frozen, or of an older version, never says that it knows this one.
  const untilMs = performance.now() + knownWithinMs;
  while (performance.now() < untilMs && (await hasStranger())) await sleep(lookEveryMs / 5);
}

/** Tells the others that this server is gone. */
export async function leaveServers(): Promise<void> {
  clearInterval(timer);
  if (mongoose.connection.readyState !== mongoose.ConnectionStates.connected) return;
  await servers().deleteOne({ _id: processId });
}

async function renew(): Promise<void> {
  const until = { $add: ['$$NOW', aliveForMs] };
  await servers().updateOne({ _id: processId }, [{ $set: { until } }], { upsert: true });
}

async function look(): Promise<void> {
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

/** Whether another server is there that does not know this one yet. */
const hasStranger = async (): Promise<boolean> =>
  (await findOthers()).some(({ knows = [] }) => !knows.includes(processId));

/** The other servers that are there, by the clock of the database; forgets those that are not. */
async function findOthers(): Promise<Server[]> {
  const found = await servers()
    .aggregate<Server & { isSilent: boolean }>([
      { $match: { _id: { $ne: processId } } },
      { $set: { isSilent: { $lt: ['$until', '$$NOW'] } } },
    ])
    .toArray();
  const gone = found.filter(({ _id, isSilent }) => isSilent || isProcessGone(_id)).map(({ _id }) => _id);
  if (gone.length > 0) await servers().deleteMany({ _id: { $in: gone } });
  return found.filter(({ _id }) => !gone.includes(_id));
}

const servers = () => mongoose.connection.collection<Server>('servers');

const logNotRenewed = (error: unknown) => logger.warn('server not made known to the others', { error });

const notShareable = (): AppError =>
  new AppError(
    'DATABASE_UNAVAILABLE',
    'Another server works on this MongoDB, which is a standalone server and cannot carry two; stop the other one, or start MongoDB as a replica set.',
    { exitCode: 1 },
  );
