// Must come first, since an old Node cannot load the other imports.
import './node-version';
import { aiSuggest } from './api/ai-suggest';
import { cancelExport } from './api/cancel-export';
import { deleteExport } from './api/delete-export';
import { exportFilm } from './api/export-film';
import { getCosts } from './api/get-costs';
import { getExports } from './api/get-exports';
import { createApp, createSocketApp } from './app';
import { exportPackage } from './api/export-package';
import { generateBatch } from './api/generate-batch';
import { generateCancel } from './api/generate-cancel';
import { getBatches } from './api/get-batches';
import { startBatches, stopBatches } from './batches/runner';
import { generateVideo } from './api/generate-video';
import { getFilms } from './api/get-films';
import { getOptions } from './api/get-options';
import { getTrash } from './api/get-trash';
import { getWorkspaces } from './api/get-workspaces';
import { health, reportListening } from './api/health';
import { hotReloadPath, webClient } from './web-client';
import { settleCost } from './api/settle-cost';
import { uploadAudio } from './api/upload-audio';
import { uploadImage } from './api/upload-image';
import { config, configurationExitCode, serverProblems } from './config';
import { defaultFilm } from './db/find-films';
import { migrate } from './db/migrate';
import { closeDatabase, connectDatabase, isReplicaSet } from './db/mongodb';
import { joinServers, leaveServers } from './db/servers';
import { startExporter, stopExporter } from './film/exporter';
import { startEngine, stopEngine } from './generation/worker';
import { ffmpegProblem, fetchRecentFfmpeg } from './media/ffmpeg';
import { makeUploadFolders, sweepTmp } from './media/uploads';
import { providerProblems } from './services/providers';
import { startSweeping } from './media/sweep';
import { AppError } from './utils/errors';
import { requestDeadlineMs } from './utils/http';
import { createListener } from './utils/listener';
import { flushLogs, logFolder, logger, logToFiles } from './utils/logger';
import { adoptSockets } from './utils/push';
import { asyncApi, openApi } from './utils/specs';
import { makeUsable } from './utils/usable-folder';
import { acceptUpgrades, closeSockets, startHeartbeat } from './websocket/connections';
import { watchOtherServers, stopWatching } from './websocket/other-servers';
import { messages } from './websocket/server';

/** Every REST endpoint, one file each. */
const endpoints = [
  uploadImage,
  uploadAudio,
  getFilms,
  getWorkspaces,
  getTrash,
  generateVideo,
  generateBatch,
  generateCancel,
  getBatches,
  getCosts,
  settleCost,
  exportPackage,
  aiSuggest,
  exportFilm,
  getExports,
  cancelExport,
  deleteExport,
  getOptions,
  health,
];

/** The largest paid request: a 7 MB picture as base64. */
const largestCreateBytes = 10_000_000;
/** 80 s by default, nearly the longest paid request, and within the 90 s after which PM2 and systemd kill the process. */
const stopWithinMs = requestDeadlineMs(largestCreateBytes) + 10_000;
/** One Ctrl-C can arrive twice: from the terminal, and forwarded by npm. */
const sameSignalMs = 500;

const specs = { openapi: openApi(endpoints), asyncapi: asyncApi(messages) };
const http = createListener();
const socketHttp = createListener(createSocketApp());

let stopHeartbeat = () => undefined as void;
let stopSweeping = () => undefined as void;
const fetching = new AbortController();
let isStopping = false;
/** Whether the start has failed and the process is about to exit. */
let isEnding = false;
let stoppingSinceMs = 0;

/** Touches nothing that another running server uses until both ports are open; starts work once the database is ready. */
async function start(): Promise<void> {
  exitOnInvalidSettings();
  await makeFolders();
  warnIfFfmpegIsUnusable();
  http.server.on('request', createApp(endpoints, specs, await webClient(http.server)));
  acceptUpgrades(http.server, '/ws', hotReloadPath);
  acceptUpgrades(socketHttp.server);
  stopHeartbeat = startHeartbeat();
  reportListening(() => socketHttp.server.listening);

  const port = await http.open(config.SERVER_PORT, 'SERVER_PORT');
  const socketPort = await socketHttp.open(config.WS_PORT, 'WS_PORT');
  await sweepTmp();
  const isReady = await connectDatabase(startWork, (error) => void failStart(error));
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
  void fetchRecentFfmpeg(fetching.signal);
}

function exitOnInvalidSettings(): void {
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

/** Looks for ffmpeg at the start, since that blocks the event loop for a moment. */
function warnIfFfmpegIsUnusable(): void {
  const problem = ffmpegProblem();
  if (problem) logger.warn('ffmpeg cannot be used', { problem });
}

/** Starts everything that needs the database; called again if the database became unavailable in between. */
async function startWork(): Promise<void> {
  if (isStopping) return;
  await joinServers(isReplicaSet(), watchOtherServers);
  await migrate();
  adoptSockets(String((await defaultFilm())._id));
  await startEngine();
  startExporter();
  startBatches();
  stopSweeping();
  stopSweeping = startSweeping();
}

/** Exits after a start that cannot succeed: one sentence on the console, the stack in the log. */
async function failStart(error: unknown): Promise<void> {
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
  const message = `The server could not start because of an unexpected error (${reason}); see ${logFolder}/error.log.`;
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
  setTimeout(() => void exit('server stopped before its work was finished'), stopWithinMs);
  stop().then(
    () => exit('server stopped'),
    (error: unknown) => exit('server stopped by an error', error),
  );
}

/** Accepts no more work, finishes what was received, and waits for paid requests in flight. */
async function stop(): Promise<void> {
  fetching.abort();
  stopHeartbeat();
  stopSweeping();
  const closed = [http, socketHttp].map(({ close }) => close());
  await Promise.all([closeSockets(), stopBatches(), stopEngine(), stopExporter()]);
  await Promise.all(closed);
  await stopWatching();
  await leaveServers().catch((error: unknown) => logger.warn('server not deregistered', { error }));
  await closeDatabase();
}

/** Exits with code 0, since the next start resumes unfinished work. */
async function exit(message: string, error?: unknown): Promise<void> {
  if (error === undefined) logger.info(message, {});
  else logger.error(message, { error });
  await flushLogs();
  process.exit(0);
}

async function crash(message: string, error: unknown): Promise<void> {
  // A failed start has its own exit code; later errors, such as a write to the closed log, do not matter.
  if (isEnding) return;
  logger.error(message, { error });
  await flushLogs();
  process.exit(1);
}

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.on('uncaughtException', (error) => void crash('uncaught exception', error));
process.on('unhandledRejection', (error) => void crash('unhandled rejection', error));

start().catch(failStart);
