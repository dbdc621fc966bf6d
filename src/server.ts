// First, as what follows does not load in an old Node.
import './node-version';
import { aiSuggest } from './api/ai-suggest';
import { createApp, createSocketApp } from './app';
import { generateCancel } from './api/generate-cancel';
import { generateVideo } from './api/generate-video';
import { getOptions } from './api/get-options';
import { getTrash } from './api/get-trash';
import { getWorkspaces } from './api/get-workspaces';
import { health, reportListening } from './api/health';
import { hotReloadPath, webClient } from './web-client';
import { uploadImage } from './api/upload-image';
import { config, configurationExitCode, serverProblems } from './config';
import { migrate } from './db/migrate';
import { closeDatabase, connectDatabase, isShareable } from './db/mongodb';
import { joinServers, leaveServers } from './db/servers';
import { startEngine, stopEngine } from './generation/worker';
import { ffmpegProblem } from './media/ffmpeg';
import { makeUploadFolders, sweepTmp } from './media/uploads';
import { providerProblems } from './services/providers';
import { startSweeping } from './media/sweep';
import { AppError } from './utils/errors';
import { requestDeadlineMs } from './utils/http';
import { createListener } from './utils/listener';
import { flushLogs, logFolder, logger, logToFiles } from './utils/logger';
import { asyncApi, openApi } from './utils/specs';
import { makeUsable } from './utils/usable-folder';
import { acceptUpgrades, closeSockets, startHeartbeat } from './websocket/connections';
import { watchOtherServers, stopWatching } from './websocket/other-servers';
import { messages } from './websocket/server';

/** Every REST endpoint; each line is one file. */
const endpoints = [uploadImage, getWorkspaces, getTrash, generateVideo, generateCancel, aiSuggest, getOptions, health];

/** No paid request sends more: a picture of 7 MB as base64. */
const largestCreateBytes = 10_000_000;
/** 80 s by default, within the 90 s after which PM2 and systemd kill: a paid request may be out for nearly as long. */
const stopWithinMs = requestDeadlineMs(largestCreateBytes) + 10_000;
/** One Ctrl-C can come twice: from the terminal, and from npm, which passes its own on. */
const sameSignalMs = 500;

const specs = { openapi: openApi(endpoints), asyncapi: asyncApi(messages) };
const http = createListener();
const socketHttp = createListener(createSocketApp());

let stopHeartbeat = () => undefined as void;
let stopSweeping = () => undefined as void;
let isStopping = false;
/** Whether the start has failed, and the process is about to end. */
let isEnding = false;
let stoppingSinceMs = 0;

/** Touches nothing that a running server needs before both ports are ours, and works only once the database is there. */
async function start(): Promise<void> {
  endOnWrongSettings();
  await makeFolders();
  warnOfFfmpeg();
  http.server.on('request', createApp(endpoints, specs, await webClient(http.server)));
  acceptUpgrades(http.server, '/ws', hotReloadPath);
  acceptUpgrades(socketHttp.server);
  stopHeartbeat = startHeartbeat();
  reportListening(() => socketHttp.server.listening);

  const port = await http.open(config.SERVER_PORT, 'SERVER_PORT');
  const socketPort = await socketHttp.open(config.WS_PORT, 'WS_PORT');
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

/** Looked for now, as it stops everything else for a moment. */
function warnOfFfmpeg(): void {
  const problem = ffmpegProblem();
  if (problem) logger.warn('ffmpeg cannot be used', { problem });
}

/** What needs the database; begun again where the database went away meanwhile. */
async function startWork(): Promise<void> {
  if (isStopping) return;
  await joinServers(isShareable(), watchOtherServers);
  await migrate();
  await startEngine();
  stopSweeping();
  stopSweeping = startSweeping();
}

/** Ends a start that cannot succeed: one sentence on the console, the stack in the log. */
async function endStart(error: unknown): Promise<void> {
  if (isStopping || isEnding) return;
  isEnding = true;
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

function onSignal(signal: string): void {
  if (isStopping) {
    if (performance.now() - stoppingSinceMs > sameSignalMs) process.exit(1);
    return;
  }
  isStopping = true;
  stoppingSinceMs = performance.now();
  logger.info('server stopping', { signal });
  setTimeout(() => void exit('server stopped before all of its work had ended'), stopWithinMs);
  stop().then(
    () => exit('server stopped'),
    (error: unknown) => exit('server stopped by an error', error),
  );
}

/** Stops taking work, finishes what was received, and waits for a paid request that is out. */
async function stop(): Promise<void> {
  stopHeartbeat();
  stopSweeping();
  const closed = [http, socketHttp].map(({ close }) => close());
  await Promise.all([closeSockets(), stopEngine()]);
  await Promise.all(closed);
  await stopWatching();
  await leaveServers().catch((error: unknown) => logger.warn('server not signed off', { error }));
  await closeDatabase();
}

/** Ends with code 0, as what is not finished is picked up by the next start. */
async function exit(message: string, error?: unknown): Promise<void> {
  if (error === undefined) logger.info(message, {});
  else logger.error(message, { error });
  await flushLogs();
  process.exit(0);
}

async function crash(message: string, error: unknown): Promise<void> {
  // The start has ended with a code of its own; what breaks after that, such as a line for a log that is closed, is no news.
  if (isEnding) return;
  logger.error(message, { error });
  await flushLogs();
  process.exit(1);
}

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.on('uncaughtException', (error) => void crash('uncaught exception', error));
process.on('unhandledRejection', (error) => void crash('unhandled rejection', error));

start().catch(endStart);
