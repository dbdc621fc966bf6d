import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export type Run = {
  signal: AbortSignal;
  /** How many characters to keep of the end of its stderr. */
  stderrLength: number;
  cwd?: string;
  timeoutMs?: number;
  /** Called with each line of its stdout, which is read only for this or `onBytes`. */
  onLine?: (line: string) => void;
  /** Called with each piece of its stdout. */
  onBytes?: (bytes: Buffer) => void;
  onStart?: (pid: number) => void;
};

/**
 * Runs ffmpeg to its end; returns how it ended and the end of its stderr. Rejects when it cannot be started or when `signal`
 * aborts it. It is killed with this process, but not by Ctrl-C.
 */
export async function runFfmpeg(program: string, parameters: string[], run: Run) {
  const { signal, stderrLength, cwd, timeoutMs, onLine, onBytes, onStart } = run;
  const child = spawn(program, ['-nostdin', ...parameters], {
    cwd,
    stdio: ['ignore', onLine || onBytes ? 'pipe' : 'ignore', 'pipe'],
    signal,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    // Ctrl-C reaches the whole process group of the terminal, and would look like a failure.
    detached: true,
    windowsHide: true,
  });
  running.add(child);
  if (child.pid !== undefined) onStart?.(child.pid);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-stderrLength)));
  if (onLine) createInterface(child.stdout!).on('line', onLine);
  if (onBytes) child.stdout!.on('data', onBytes);
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
