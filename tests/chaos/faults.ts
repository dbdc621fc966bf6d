import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbedded } from '../../src/db/embedded/embedded';

export type FaultyMongod = {
  uri: string;
  /** SIGKILL, like a crash; it is started again on the same port by itself. */
  kill: () => Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze: () => Promise<void>;
  thaw: () => Promise<void>;
  stop: () => Promise<void>;
};

/** A real mongod of its own that can be killed and frozen. */
export async function startFaultyMongod(): Promise<FaultyMongod> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-chaos-'));
  const { uri, stop } = await startEmbedded(folder);
  const signal = async (name: NodeJS.Signals) => {
    const pid = await readPid(path.join(folder, 'db', 'mongod.lock'));
    process.kill(pid, name);
  };
  return {
    uri,
    kill: () => signal('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the pid, as the file is empty while a mongod that was killed is being replaced. */
async function readPid(lockFile: string): Promise<number> {
  for (;;) {
    const pid = Number(await readFile(lockFile, 'utf8').catch(() => ''));
    if (pid > 0 && isRunning(pid)) return pid;
    await delay(50);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Numbers from 0 to 1, the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for a run that was not given one. */
export const newSeed = (): number => Math.floor(Math.random() * 2 ** 31);

/** Asks until it is so; for a state that no message tells. */
export async function until(isSo: () => Promise<boolean>, withinMs: number, what: string): Promise<number> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < withinMs) {
    if (await isSo().catch(() => false)) return performance.now() - startedAt;
    await delay(100);
  }
  throw new Error(`not within ${withinMs} ms: ${what}`);
}
