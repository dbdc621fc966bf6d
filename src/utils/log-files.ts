import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A file of the log; without `fd` it cannot be opened at present, and its lines are dropped. */
type LogFile = { path: string; fd: number | null; checkedAtMs: number };

type Opened = (error: Error | null, fd: number) => void;
type Written = (error: null, bytes: number, line: Buffer) => void;

const checkEveryMs = 1000;

/**
 * `open`, `write` and `close` as a stream of lines wants them, which never fail: a line that cannot be written is dropped, since
 * an error would end the stream for good, and a file that was removed is made again. `tell` hears of each line whether it is in
 * its file.
 */
export function createLogFiles(tell: (isWritten: boolean) => void) {
  const files = new Map<number, LogFile>();
  return { open, write, close };

  function open(file: string, _flags: string, _mode: number, done: Opened): void {
    fs.open(file, 'a', (error, fd) => {
      if (!error) return keep(fd, fd);
      tell(false);
      fs.open(os.devNull, 'a', (failure, standIn) => (failure ? done(failure, standIn) : keep(standIn, null)));
    });
    // The stream keeps the number that it is given here, whatever the file is written through later.
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
        tell(true);
        done(null, bytes, line);
      });
    });
    function drop(): void {
      tell(false);
      done(null, length, line);
    }
  }

  function close(key: number, done: fs.NoParamCallback): void {
    const file = files.get(key);
    files.delete(key);
    if (file) closeReplaced(key, file);
    fs.close(key, done);
  }

  /** Sees to it, once a second, that the file is the one that has its name. */
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
