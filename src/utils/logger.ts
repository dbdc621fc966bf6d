import fs from 'node:fs';
import path from 'node:path';
import winston from 'winston';
import { config } from '../config';

/** Turns every Error, at any depth, into plain fields; an axios error as it comes would write the API key into the file. */
const plainErrors = winston.format((info) => {
  for (const [key, value] of Object.entries(info)) {
    if (value instanceof Error) info[key] = describe(value);
  }
  return info;
});

function describe(error: Error & { code?: unknown; status?: unknown }, depth = 0): Record<string, unknown> {
  const { name, message, code, status, stack, cause } = error;
  const inner = cause instanceof Error && depth < 4 ? describe(cause, depth + 1) : undefined;
  return { name, message, code, status, stack, cause: inner };
}

const readableLine = winston.format.printf(({ level, message, timestamp, error, ...fields }) => {
  const { stack, cause, ...plain } = (error ?? {}) as { stack?: string; cause?: unknown; message?: string };
  const rest = Object.entries({ ...fields, ...(error !== undefined && { error: plain.message ?? error }) }).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const line = [String(timestamp).slice(11, 19), level.padEnd(5), String(message), ...rest].join(' ');
  return level === 'error' && stack ? `${line}\n${stack}${cause ? `\ncause: ${JSON.stringify(cause)}` : ''}` : line;
});

const { timestamp, json, combine } = winston.format;

let failed = false;

/** As `fs` has it, but a line for which the disk has no room is dropped: an error would end the stream of lines for good. */
const write = (fd: number, line: Buffer, from: number, length: number, at: number | null, done: Written): void =>
  fs.write(fd, line, from, length, at, (error, bytes) => {
    failed = error !== null;
    done(null, failed ? length : bytes, line);
  });
type Written = (error: null, bytes: number, line: Buffer) => void;

const file = (name: string, level?: string) =>
  new winston.transports.File({
    dirname: config.LOG_DIR,
    filename: name,
    options: { flags: 'a', fs: { open: fs.open, close: fs.close, write } },
    level,
    maxsize: 10_485_760,
    maxFiles: 5,
    tailable: true,
  });

const files = [file('combined.log'), file('error.log', 'error')];

/** Constant lower-case messages with fields, so that `grep <workspace_id> logs/combined.log` tells a story. */
export const logger = winston.createLogger({
  level: config.LOG_LEVEL,
  format: combine(plainErrors(), timestamp(), json()),
  transports: [...files, new winston.transports.Console({ format: config.isProduction ? json() : readableLine })],
});

// Whoever read our output may go away; that is no reason to end.
process.stdout.on('error', () => undefined);

// A full disk must not end the process; health says that lines are being lost.
for (const transport of files) transport.on('error', () => (failed = true));
logger.on('error', () => (failed = true));

/** Whether the log files can be written. */
export const isLogging = (): boolean => !failed;

/** Resolves when every line is on disk, so that the process may exit. */
export async function flushLogs(): Promise<void> {
  await Promise.all(
    files
      .map(
        (transport) => new Promise<void>((resolve) => transport.once('finish', resolve).once('error', () => resolve())),
      )
      .concat(
        new Promise<void>((resolve) => {
          logger.once('finish', resolve);
          logger.end();
        }),
      ),
  );
}

/** The folder of the logs, for the start banner. */
export const logFolder = path.relative(process.cwd(), config.LOG_DIR) || '.';
