import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { config, configurationExitCode } from '../../config';
import { AppError } from '../../utils/errors';
import { logger, logToFiles } from '../../utils/logger';
import { findMongodBinary, findOtherMongod, versionOf, type Unfit } from './mongod-binary';
import { host, launch, replicaSet, type Running } from './mongod-process';
import { makeUsable } from '../../utils/usable-folder';

export type Embedded = {
  uri: string;
  /** Stops mongod and keeps the data; call it last, when nothing uses the database any more. */
  stop: () => Promise<void>;
};

const databaseName = 'video-maker';
const lockTimeoutMs = 10_000;
const shortestWaitMs = 250;
const longestWaitMs = 10_000;
const steadyAfterMs = 60_000;
const portAttempts = 3;

/**
 * Starts a real mongod as a single-member replica set on loopback, with its data in `<dataFolder>/db`; returns once it accepts
 * writes. If it dies, it is restarted on the same port. Throws DATABASE_UNAVAILABLE, for instance when the folder is in use.
 */
export async function startEmbedded(dataFolder: string = config.DATA_DIR): Promise<Embedded> {
  const dbPath = path.join(dataFolder, 'db');
  await makeUsable(dbPath, 'DATA_DIR');
  const unfit: Unfit = new Map();
  const { port, running: first } = await startOnFreePort(dbPath, unfit);
  logger.info('embedded mongod started, production sets MONGODB_URI instead', { data: dbPath, port });

  let running = first;
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  const watching = watch();
  return { uri: `mongodb://${host}:${port}/${databaseName}?replicaSet=${replicaSet}`, stop };

  async function watch(): Promise<void> {
    let startedAt = performance.now();
    let waitMs = 0;
    for (;;) {
      await Promise.race([running.closed, stopped]);
      if (stopping.signal.aborted) return;
      const wasSteady = performance.now() - startedAt > steadyAfterMs;
      waitMs = wasSteady ? shortestWaitMs : Math.min(Math.max(2 * waitMs, shortestWaitMs), longestWaitMs);
      logger.error('embedded mongod is gone, restarting it', { wait_ms: waitMs });
      await Promise.race([delay(waitMs, undefined, { ref: false }), stopped]);
      if (stopping.signal.aborted) return;
      startedAt = performance.now();
      try {
        await running.instance.stop();
        running = await start(dbPath, port, unfit);
        logger.info('embedded mongod is back', { took_ms: Math.round(performance.now() - startedAt) });
      } catch (error) {
        logger.error('embedded mongod did not start', { error });
      }
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await watching;
    await running.instance.stop();
  }
}

async function startOnFreePort(dbPath: string, unfit: Unfit): Promise<{ port: number; running: Running }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      return { port, running: await start(dbPath, port, unfit) };
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

// Only a mongod of the right version can open the data, which may not be the first one that is found.
async function start(dbPath: string, port: number, unfit: Unfit): Promise<Running> {
  for (;;) {
    const binary =
      (unfit.size > 0 && (await findOtherMongod(unfit))) ||
      (await findMongodBinary(
        (line) => logger.info(line),
        (line) => logToFiles('info', line),
      ));
    try {
      return await startWith(binary, dbPath, port);
    } catch (error) {
      const dataVersion = versionOfData(error);
      if (!dataVersion) throw error;
      unfit.set(binary, await versionOf(binary));
      if (!(await findOtherMongod(unfit))) throw toVersionError(dbPath, dataVersion, unfit, error);
      logger.warn('mongod cannot open the data, trying another one', { mongod: binary, data_version: dataVersion });
    }
  }
}

/** The version of the data if mongod refused it; null if it ended for another reason. */
function versionOfData(error: unknown): string | null {
  const output = String((error as Error).cause);
  if (!/Wrong mongod version|UPGRADE PROBLEM|too recent to start up|unsupported WiredTiger file version/.test(output)) {
    return null;
  }
  return /version: \\*"(\d+\.\d+)/.exec(output)?.[1] ?? 'another version';
}

function toVersionError(dbPath: string, dataVersion: string, unfit: Unfit, cause: unknown) {
  const versions = [...unfit].map(([file, version]) => `${version} (${file})`);
  const message =
    `The embedded database in ${dbPath} was made by MongoDB ${dataVersion}, which mongod ${versions.join(' and ')} cannot open; ` +
    `set MONGOMS_SYSTEM_BINARY to a mongod ${dataVersion} binary, or DATA_DIR to another folder.`;
  return new AppError('DATABASE_UNAVAILABLE', message, { cause, exitCode: configurationExitCode });
}

// A killed server leaves its mongod behind for some seconds, until the package's watchdog ends it.
async function startWith(binary: string, dbPath: string, port: number): Promise<Running> {
  const giveUpAt = performance.now() + lockTimeoutMs;
  for (let waited = false; ; waited = true) {
    try {
      return await launch(binary, dbPath, port);
    } catch (error) {
      const isHeld = /DBPathInUse/.test(String(error));
      if (!isHeld || performance.now() > giveUpAt) throw toStartError(dbPath, isHeld, error);
      if (!waited) logToFiles('info', 'waiting for the previous mongod to release the data', { data: dbPath });
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
  while (performance.now() <= giveUpAt && (await isLockHeld(dbPath))) await delay(100);
}

async function isLockHeld(dbPath: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path.join(dbPath, 'mongod.lock'), 'utf8'));
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    // Windows refuses to read a locked file; any other error means that it is not held.
    return ['EBUSY', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
