import fs from 'node:fs';
import path from 'node:path';
import winston from 'winston';
import { config } from '../config';
import { createLogFiles } from './log-files';

type Described = { message: string; stack?: string; cause?: Described; [key: string]: unknown };

const flushWithinMs = 2000;

/** Turns every Error and its causes into plain fields; a raw axios error would write the API key into the log. */
const plainErrors = winston.format((info) => {
  for (const [key, value] of Object.entries(info)) {
    if (value instanceof Error) info[key] = describe(value);
  }
  return info;
});

function describe(error: Error & { code?: unknown; status?: unknown }, depth = 0): Described {
  const { name, message, code, status, stack, cause } = error;
  const inner = cause instanceof Error && depth < 4 ? describe(cause, depth + 1) : undefined;
  return { name, message, code, status, stack, cause: inner };
}

const isDescribed = (value: unknown): value is Described =>
  typeof value === 'object' && value !== null && 'stack' in value;

/** Marks a line that the console does not show. */
const filesOnly = Symbol('files only');

/** Stacks go to the files only, not to the console. */
const forConsole = winston.format((info) => {
  if (info[filesOnly]) return false;
  for (const [key, value] of Object.entries(info)) if (isDescribed(value)) info[key] = withoutStack(value);
  return info;
});

const withoutStack = ({ stack, cause, ...rest }: Described): Described => ({
  ...rest,
  stack: undefined,
  cause: cause && withoutStack(cause),
});

const readableLine = winston.format.printf(({ level, message, timestamp, ...fields }) => {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${readable(value)}`);
  const line = [String(timestamp).slice(11, 19), level.padEnd(5), String(message), ...rest].join(' ');
  return line.replace(/\s*[\r\n]\s*/g, ' ');
});

function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isDescribed(value)) return JSON.stringify(value);
  return value.cause ? `${value.message} (${readable(value.cause)})` : value.message;
}

const { timestamp, json, combine } = winston.format;

let failed = false;

const file = (name: string, level?: string) =>
  new winston.transports.File({
    dirname: config.LOG_DIR,
    filename: name,
    options: { flags: 'a', fs: createLogFiles((isWritten) => (failed = !isWritten)) },
    level,
    maxsize: 10_485_760,
    maxFiles: 5,
    tailable: true,
  });

const files = hasFolder() ? [file('combined.log'), file('error.log', 'error')] : [];

/** False when the log folder cannot be created; the start then reports it in one sentence, so nothing is thrown here. */
function hasFolder(): boolean {
  try {
    fs.mkdirSync(config.LOG_DIR, { recursive: true });
    return true;
  } catch {
    failed = true;
    return false;
  }
}

const terminal = new winston.transports.Console({
  format: combine(forConsole(), config.isProduction ? json() : readableLine),
});

/** The logger, for constant lower-case messages with fields, so that `grep <workspace_id> logs/combined.log` tells a story. */
export const logger = winston.createLogger({
  level: config.LOG_LEVEL,
  format: combine(plainErrors(), timestamp(), json()),
  transports: [...files, terminal],
});

/** Logs to the files but not to the console: details that an operator may look up later. */
export function logToFiles(level: 'error' | 'info' | 'debug', message: string, fields: object = {}): void {
  logger.log(level, message, { ...fields, [filesOnly]: true });
}

// Whoever reads our output may close it, which must not end the process.
process.stdout.on('error', () => undefined);

// A full disk must not end the process; /health reports the lost lines.
for (const transport of files) transport.on('error', () => (failed = true));
logger.on('error', () => (failed = true));

/** Whether the log files can be written. */
export const isLogging = (): boolean => !failed;

/** Resolves when every line is on disk, or after 2 s, so that the process can exit. */
export async function flushLogs(): Promise<void> {
  const finished = files.map(
    (transport) => new Promise<void>((resolve) => transport.once('finish', resolve).once('error', () => resolve())),
  );
  const ended = new Promise<void>((resolve) => logger.once('finish', resolve));
  const late = new Promise<void>((resolve) => setTimeout(resolve, flushWithinMs));
  logger.end();
  await Promise.race([Promise.all([...finished, ended]), late]);
}

/** The log folder, relative to where the server was started. */
export const logFolder = path.relative(process.cwd(), config.LOG_DIR) || '.';
