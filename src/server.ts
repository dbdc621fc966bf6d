import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aiSuggest } from './api/ai-suggest';
import { createApp, createSocketApp } from './api/app';
import { generateCancel } from './api/generate-cancel';
import { generateVideo } from './api/generate-video';
import { getOptions } from './api/get-options';
import { getWorkspaces } from './api/get-workspaces';
import { health, watchDoor } from './api/health';
import { hotReloadPath, timeline } from './api/timeline';
import { uploadImage } from './api/upload-image';
import { config, configurationExitCode, serverProblems } from './config';
import { migrate } from './db/migrations';
import { closeDatabase, connectDatabase } from './db/mongodb';
import { startEngine, stopEngine } from './generation/worker';
import { makeUploadFolders, sweepTmp } from './media/uploads';
import { providerProblems } from './services/providers';
import { startSweeping } from './media/sweep';
import { addOwnPort } from './utils/boundary';
import { AppError } from './utils/errors';
import { flushLogs, logFolder, logger, logToFiles } from './utils/logger';
import { refuse } from './utils/refuse';
import { asyncApi, openApi } from './utils/specs';
import { makeUsable } from './utils/usable-folder';
import { closeSockets, messages, openDoor, startHeartbeat } from './websocket/server';

/** Every REST endpoint; each line is one file. */
const endpoints = [uploadImage, getWorkspaces, generateVideo, generateCancel, aiSuggest, getOptions, health];

const headersWithinMs = 10_000;
const requestWithinMs = 120_000;
const checkConnectionsMs = 2000;
const maxConnections = 256;
const finishRequestsWithinMs = 3000;

const limits = {
  headersTimeout: headersWithinMs,
  requestTimeout: requestWithinMs,
  connectionsCheckingInterval: checkConnectionsMs,
  // Refused by us, in JSON, like every other wrong Host.
  requireHostHeader: false,
};
const specs = { openapi: openApi(endpoints), asyncapi: asyncApi(messages) };
const http = createServer(limits);
const socketHttp = createServer(limits, createSocketApp());

let stopHeartbeat = () => undefined as void;
let stopSweeping = () => undefined as void;
let isStopping = false;

/** Touches nothing that a running server needs before both ports are ours, and works only once the database is there. */
async function start(): Promise<void> {
  endOnWrongSettings();
  await makeFolders();
  http.on('request', createApp(endpoints, specs, await timeline(http)));
  openDoor(http, '/ws', hotReloadPath);
  openDoor(socketHttp);
  stopHeartbeat = startHeartbeat();
  watchDoor(() => socketHttp.listening);

  const port = await listen(http, config.SERVER_PORT, 'SERVER_PORT');
  const socketPort = await listen(socketHttp, config.WS_PORT, 'WS_PORT');
  await sweepTmp();
  const isReady = await connectDatabase(startWork, (error) => void endStart(error));
  if (isStopping) return;
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;
  logger.info('server listening', {
    http: `http://${host}:${port}`,
    websocket: `ws://${host}:${socketPort}`,
    docs: `http://${host}:${port}/docs`,
    video_provider: config.VIDEO_PROVIDER,
    llm_provider: config.LLM_PROVIDER,
    database_ready: isReady,
  });
  process.send?.('ready');
}

function endOnWrongSettings(): void {
  const problems = [...serverProblems(), ...providerProblems()];
  if (problems.length === 0) return;
  const lines = problems.map(({ variable, message }) => `  ${variable} ${message}`);
  process.stderr.write(
    `The server cannot start. Fix these settings in .env or the environment:\n${[...new Set(lines)].join('\n')}\n`,
  );
  process.exit(configurationExitCode);
}

async function makeFolders(): Promise<void> {
  await makeUsable(config.LOG_DIR, 'LOG_DIR');
  await makeUsable(config.DATA_DIR, 'DATA_DIR');
  await makeUploadFolders();
}

/** What needs the database; begun again where the database went away meanwhile. */
async function startWork(): Promise<void> {
  if (isStopping) return;
  await migrate();
  await startEngine();
  stopSweeping();
  stopSweeping = startSweeping();
}

/** Ends a start that cannot succeed: one sentence on the console, the stack in the log. */
async function endStart(error: unknown): Promise<void> {
  if (isStopping) return;
  const { exitCode = 1, message } = toStartError(error);
  process.stderr.write(`${message}\n`);
  logToFiles('error', 'server could not start', { error });
  await closeDatabase().catch(() => undefined);
  await flushLogs();
  process.exit(exitCode);
}

function toStartError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
  const message = `The server could not start, for a reason that it does not know (${reason}); see ${logFolder}/error.log.`;
  return new AppError('INTERNAL', message, { cause: error });
}

function listen(server: Server, port: number, variable: string): Promise<number> {
  server.maxConnections = maxConnections;
  server.on('clientError', (cause, stream) => {
    refuse(
      stream,
      new AppError('INVALID_INPUT', 'The request is not HTTP that can be read, or came too slowly.', { cause }),
    );
  });
  // An expectation that nobody knows is no reason not to answer.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portError(port, variable, cause)));
    server.listen(port, config.HOST, () => {
      const opened = (server.address() as AddressInfo).port;
      addOwnPort(opened);
      resolve(opened);
    });
  });
}

function portError(port: number, variable: string, cause: NodeJS.ErrnoException): AppError {
  if (cause.code === 'EADDRINUSE') {
    return new AppError('INTERNAL', `Port ${port} is taken by another program; stop it or set ${variable}.`, { cause });
  }
  const message = `Port ${port} of ${config.HOST} cannot be opened (${cause.code}); check HOST and ${variable}.`;
  // An address can come with its network, a right to a low port does not come by itself.
  return new AppError('INTERNAL', message, {
    cause,
    exitCode: cause.code === 'EACCES' ? configurationExitCode : undefined,
  });
}

/** Stops taking work, finishes what was received, waits for a paid request that is out, and ends with code 0. */
async function stop(signal: string): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  logger.info('server stopping', { signal });
  stopHeartbeat();
  stopSweeping();
  const requests = [http, socketHttp].map(closeServer);
  await Promise.all([closeSockets(), stopEngine()]);
  await Promise.all(requests);
  await closeDatabase();
  logger.info('server stopped', {});
  await flushLogs();
  process.exit(0);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), finishRequestsWithinMs).unref();
  });
}

async function crash(message: string, error: unknown): Promise<never> {
  logger.error(message, { error });
  await flushLogs();
  process.exit(1);
}

process.on('SIGINT', () => void stop('SIGINT'));
process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('uncaughtException', (error) => void crash('uncaught exception', error));
process.on('unhandledRejection', (error) => void crash('unhandled rejection', error));

start().catch(endStart);
