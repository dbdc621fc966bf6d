import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A log file; without `fd` it cannot be opened at the moment, and its lines are dropped. */
type LogFile = { path: string; fd: number | null; checkedAtMs: number };

type Opened = (error: Error | null, fd: number) => void;
type Written = (error: null, bytes: number, line: Buffer) => void;

const checkEveryMs = 1000;

/**
 * `open`, `write` and `close` for a stream of lines that never fail: a line that cannot be written is dropped, since an error
 * would end the stream for good, and a removed file is created again. `onWrite` is called for each line, with whether it was
 * written.
 */
export function createLogFiles(onWrite: (isWritten: boolean) => void) {
  const files = new Map<number, LogFile>();
  return { open, write, close };

  function open(file: string, _flags: string, _mode: number, done: Opened): void {
    fs.open(file, 'a', (error, fd) => {
      if (!error) return keep(fd, fd);
      onWrite(false);
      fs.open(os.devNull, 'a', (failure, standIn) => (failure ? done(failure, standIn) : keep(standIn, null)));
    });
    // The stream keeps this descriptor, even if the file is later written through another one.
    function keep(key: number, fd: number | null): void {
      files.set(key, { path: file, fd, checkedAtMs: performance.now() });
      done(null, key);
    }
  }

  function write(key: number, line: Buffer, from: number, length: number, _at: number | null, done: Written): void {
    const file = files.get(key)!;
    refresh(key, file, () => {
      if (file.fd === null) return drop();
      fs.write(file.fd, line, from, length, null, (error, bytes) => {
        if (error) return drop();
        onWrite(true);
        done(null, bytes, line);
      });
    });
    function drop(): void {
      onWrite(false);
      done(null, length, line);
    }
  }

  function close(key: number, done: fs.NoParamCallback): void {
    const file = files.get(key);
    files.delete(key);
    if (file) closeReplaced(key, file);
    fs.close(key, done);
  }

  /** Reopens the file, checked once a second, if it was moved or removed. */
  function refresh(key: number, file: LogFile, then: () => void): void {
    if (performance.now() - file.checkedAtMs < checkEveryMs) return then();
    file.checkedAtMs = performance.now();
    if (isInPlace(file)) return then();
    closeReplaced(key, file);
    file.fd = reopen(file.path);
    then();
  }

  function closeReplaced(key: number, { fd }: LogFile): void {
    if (fd !== null && fd !== key) fs.closeSync(fd);
  }
}

function isInPlace({ path: file, fd }: LogFile): boolean {
  if (fd === null) return false;
  try {
    const [named, ours] = [fs.statSync(file), fs.fstatSync(fd)];
    return named.ino === ours.ino && named.dev === ours.dev;
  } catch {
    return false;
  }
}

function reopen(file: string): number | null {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    return fs.openSync(file, 'a');
  } catch {
    return null;
  }
}
