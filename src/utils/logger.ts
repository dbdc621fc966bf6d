import fs from 'node:fs';
import path from 'node:path';
import winston from 'winston';
import { config } from '../config';
import { createLogFiles } from './log-files';

type Described = { message: string; stack?: string; cause?: Described; [key: string]: unknown };

const flushWithinMs = 2000;

/** Turns every Error, at any depth, into plain fields; an axios error as it comes would write the API key into the file. */
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

/** The console shows what happened; the stacks are in the files. */
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

/** Without a folder for them there are no log files; the start says so in words, where this would throw a stack. */
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

/** Constant lower-case messages with fields, so that `grep <workspace_id> logs/combined.log` tells a story. */
export const logger = winston.createLogger({
  level: config.LOG_LEVEL,
  format: combine(plainErrors(), timestamp(), json()),
  transports: [...files, terminal],
});

/** As `logger` has it, for what an operator looks up and nobody waits for: the console does not show it. */
export function logToFiles(level: 'error' | 'info' | 'debug', message: string, fields: object = {}): void {
  logger.log(level, message, { ...fields, [filesOnly]: true });
}

// Whoever read our output may go away; that is no reason to end.
process.stdout.on('error', () => undefined);

// A full disk must not end the process; health says that lines are being lost.
for (const transport of files) transport.on('error', () => (failed = true));
logger.on('error', () => (failed = true));

/** Whether the log files can be written. */
export const isLogging = (): boolean => !failed;

/** Resolves when every line is on disk, or after 2 s, so that the process may exit. */
export async function flushLogs(): Promise<void> {
  const finished = files.map(
    (transport) => new Promise<void>((resolve) => transport.once('finish', resolve).once('error', () => resolve())),
  );
  const ended = new Promise<void>((resolve) => logger.once('finish', resolve));
  const late = new Promise<void>((resolve) => setTimeout(resolve, flushWithinMs));
  logger.end();
  await Promise.race([Promise.all([...finished, ended]), late]);
}

/** The folder of the logs as a person finds it, from where the server was started. */
export const logFolder = path.relative(process.cwd(), config.LOG_DIR) || '.';
