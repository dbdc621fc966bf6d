import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Accepted, Billed, DoubleSettings, KnownTask, ReceivedPictures, Rule } from './double';

export type DialectName = 'runway' | 'pika' | 'kling' | 'openai' | 'claude' | 'qwen';

export type SeenRequest = {
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** The JSON body with long strings shortened; null where there is none. */
  body: unknown;
  /** Where the task of its path stood at that moment; null where there is none. */
  task_phase: KnownTask['phase'] | null;
};

export type StartedDouble = {
  url: string;
  /** Replaces the rules; the first that matches a request and is not used up counts. */
  script: (rules: Rule[]) => Promise<void>;
  /** Every create that was taken, oldest first. */
  accepted: () => Promise<Accepted[]>;
  requests: () => Promise<SeenRequest[]>;
  tasks: () => Promise<KnownTask[]>;
  /** What the vendor bills for each accepted task, oldest first; those that have not ended are billed nothing yet. */
  billed: () => Promise<Billed[]>;
  /** The first and the last frame that each accepted task was to have, oldest first: the very files, as they were received. */
  pictures: () => Promise<ReceivedPictures<Buffer>[]>;
  /** Lets go the answers that a rule holds; or ends their connections without an answer. */
  release: (options?: { die?: boolean }) => Promise<void>;
  /** Removes a task, as a vendor does after some time. */
  forget: (taskId: string) => Promise<void>;
  /** Forgets tasks, rules and logs, and goes back to the first settings. */
  reset: () => Promise<void>;
  set: (settings: Partial<DoubleSettings>) => Promise<void>;
  stop: () => Promise<void>;
};

const projectRoot = path.join(__dirname, '../..');

/** Starts a provider double as a process of its own, on any free port; it ends with this process at the latest. */
export async function startDouble(dialect: DialectName, logFile?: string): Promise<StartedDouble> {
  const file = path.join(__dirname, `${dialect}.ts`);
  const options = ['--port', '0', '--until-stdin-ends', ...(logFile ? ['--log', logFile] : [])];
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...options], {
    cwd: projectRoot,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [unknown];
  const port = /^listening (\d+)$/.exec(String(line))?.[1];
  if (!port) throw new Error(`the double ${dialect} did not start: ${String(line)}`);
  const url = `http://127.0.0.1:${port}`;

  async function control<Answer>(method: 'GET' | 'POST', name: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${url}/__double__/${name}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`the double ${dialect} refused ${name}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  return {
    url,
    script: (rules) => control('POST', 'script', rules),
    accepted: () => control('GET', 'accepted'),
    requests: () => control('GET', 'requests'),
    tasks: () => control('GET', 'tasks'),
    billed: () => control('GET', 'billed'),
    async pictures() {
      const received = await control<ReceivedPictures<string>[]>('GET', 'pictures');
      return received.map(({ first, last, ...task }) => ({ ...task, first: toFile(first), last: toFile(last) }));
    },
    release: (options = {}) => control('POST', 'release', options),
    forget: (task_id) => control('POST', 'forget', { task_id }),
    reset: () => control('POST', 'reset'),
    set: (settings) => control('POST', 'settings', settings),
    async stop() {
      child.kill();
      await exited;
    },
  };
}

const toFile = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));
