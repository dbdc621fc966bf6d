import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');

export type TestServer = {
  url: string;
  /** The socket port, and the same service on the HTTP port. */
  wsUrl: string;
  folder: string;
  env: Record<string, string>;
  child: ChildProcess;
  get: (path: string, headers?: Record<string, string>) => Promise<Answer>;
  post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  upload: (bytes: Buffer, name?: string) => Promise<Answer>;
  log: () => Promise<string>;
  /** SIGKILL, like a crash. */
  kill: () => Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop: () => Promise<number | null>;
  /** The same settings, folders and database again. */
  restart: (env?: Record<string, string>) => Promise<TestServer>;
};

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server answers
export type Answer = { status: number; headers: Headers; body: any };

/** A mongod database of its own for a test file. */
export const freshDatabase = (): string =>
  process.env.TEST_MONGODB_URI!.replace(/\/[^/?]*(?=\?|$)/, `/test-${randomBytes(6).toString('hex')}`);

/**
 * Starts the built server as an own process with folders and a database of its own; `detached` in a process group of its own,
 * as a terminal would.
 */
export async function startServer(
  env: Record<string, string> = {},
  { detached = false }: { detached?: boolean } = {},
): Promise<TestServer> {
  const folder = env.TEST_FOLDER ?? (await mkdtemp(path.join(os.tmpdir(), 'video-maker-server-')));
  const settings: Record<string, string> = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'debug',
    SERVER_PORT: '0',
    WS_PORT: '0',
    MONGODB_URI: freshDatabase(),
    DATA_DIR: path.join(folder, 'data'),
    UPLOAD_DIR: path.join(folder, 'uploads'),
    LOG_DIR: path.join(folder, 'logs'),
    VIDEO_POLL_INTERVAL_MS: '100',
    ...env,
  };
  const child = spawn(
    process.execPath,
    [...(env.TEST_NODE_ARGS?.split(' ') ?? []), path.join(root, 'dist/server.js')],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
    },
  );
  const { url, wsUrl } = await addresses(child);
  const request = (address: string, init?: RequestInit) => fetch(url + address, init).then(toAnswer);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    url,
    wsUrl,
    folder,
    env: settings,
    child,
    get: (address, headers) => request(address, { headers }),
    post: (address, body, headers = {}) =>
      request(address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    upload: (bytes, name = 'picture.jpg') => {
      const form = new FormData();
      form.append('image', new Blob([new Uint8Array(bytes)]), name);
      return request('/api/upload/image', { method: 'POST', body: form });
    },
    log: () => readFile(path.join(settings.LOG_DIR!, 'combined.log'), 'utf8'),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const code = await exited;
      if (!env.TEST_FOLDER) await rm(folder, { recursive: true, force: true });
      return code;
    },
    restart: (more = {}) => startServer({ ...settings, ...more, TEST_FOLDER: folder }),
  };
}

/** Runs the built server until it ends by itself; for a start that cannot succeed. */
export function runServer(
  env: Record<string, string>,
  cwd = os.tmpdir(),
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [path.join(root, 'dist/server.js')], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

function addresses(child: ChildProcess): Promise<{ url: string; wsUrl: string }> {
  let output = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += String(chunk);
      const match = /server listening http=(\S+) websocket=(\S+)/.exec(output);
      if (match) resolve({ url: match[1]!, wsUrl: match[2]! });
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}
