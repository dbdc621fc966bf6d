import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

type Run = {
  signal: AbortSignal;
  /** How much is kept of what it says, from the end, in characters. */
  stderrLength: number;
  cwd?: string;
  timeoutMs?: number;
  /** Called with each line of its standard output, which is not read without it. */
  onLine?: (line: string) => void;
  onStart?: (pid: number) => void;
};

/**
 * Runs ffmpeg to its end; returns how it ended and the last of what it said. Rejects where it cannot be started, and where
 * `signal` ends it. It is killed with this process, but not by a Ctrl-C.
 */
export async function runFfmpeg(program: string, parameters: string[], run: Run) {
  const { signal, stderrLength, cwd, timeoutMs, onLine, onStart } = run;
  const child = spawn(program, ['-nostdin', ...parameters], {
    cwd,
    stdio: ['ignore', onLine ? 'pipe' : 'ignore', 'pipe'],
    signal,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    // A Ctrl-C reaches the whole process group of the terminal, and would look like work that cannot be done.
    detached: true,
    windowsHide: true,
  });
  running.add(child);
  if (child.pid !== undefined) onStart?.(child.pid);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-stderrLength)));
  if (onLine) createInterface(child.stdout!).on('line', onLine);
  try {
    const ended = await new Promise<{ code: number | null; endedBy: NodeJS.Signals | null }>((resolve, reject) => {
      child.on('close', (code, endedBy) => resolve({ code, endedBy }));
      child.on('error', (error) => (child.pid === undefined ? reject(error) : undefined));
    });
    signal.throwIfAborted();
    return { ...ended, stderr };
  } finally {
    running.delete(child);
  }
}
