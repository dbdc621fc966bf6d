import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export type Usage = { cpuMs: number; rssBytes: number; /** After a collection. */ heapBytes: number };

export type Measured = {
  url: string;
  wsUrl: string;
  /** From the start of the process to the line that says that it listens. */
  readyMs: number;
  usage: () => Promise<Usage>;
  stop: () => Promise<void>;
};

const root = path.resolve(__dirname, '..');
const probe = ['--expose-gc', '--require', path.join(__dirname, 'probe.cjs')];

/** Starts the built server as in production, with folders of its own; `isBare` leaves the probe out. */
export async function startServer(env: Record<string, string>, isBare = false): Promise<Measured> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-bench-'));
  // Without a file here the server would read that of the project.
  await writeFile(path.join(folder, '.env'), '');
  const settings = {
    NODE_ENV: 'production',
    SERVER_PORT: '0',
    WS_PORT: '0',
    DATA_DIR: path.join(folder, 'data'),
    UPLOAD_DIR: path.join(folder, 'uploads'),
    LOG_DIR: path.join(folder, 'logs'),
    ...env,
  };
  const server = await start([...(isBare ? [] : probe), path.join(root, 'dist/server.js')], settings, folder);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the floor of the stack on its own database. */
export const startFloor = (uri: string): Promise<Measured> =>
  start([...probe, '--import', 'tsx', path.join(__dirname, 'floor.ts')], { MONGODB_URI: uri }, root);

async function start(programArguments: string[], env: Record<string, string>, cwd: string): Promise<Measured> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, programArguments, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const addresses = await readAddresses(child);
  return {
    ...addresses,
    readyMs: performance.now() - startedAt,
    usage: () => askUsage(child),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

// In production a line is JSON, else it is for people; both hold the two addresses.
function readAddresses(child: ChildProcess): Promise<{ url: string; wsUrl: string }> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface(child.stdout!).on('line', (line) => {
      if (lines.length < 50) lines.push(line);
      const [url] = /http:\/\/[\w.:]+/.exec(line) ?? [];
      const [wsUrl] = /ws:\/\/[\w.:]+/.exec(line) ?? [];
      if (line.includes('server listening') && url && wsUrl) resolve({ url, wsUrl });
    });
    child.once('exit', (code) => reject(new Error(`a measured process ended with ${code}:\n${lines.join('\n')}`)));
  });
}

function askUsage(child: ChildProcess): Promise<Usage> {
  return new Promise((resolve, reject) => {
    const read = (message: unknown) => {
      const { usage } = message as { usage?: Usage };
      if (!usage) return;
      child.off('message', read);
      resolve(usage);
    };
    child.on('message', read);
    child.send('usage', (error) => error && reject(error));
  });
}
