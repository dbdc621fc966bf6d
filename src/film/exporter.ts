import { rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredExport } from '../db/export';
import { claimExport, dropOldExports, ofRun, releaseLease, renewLease, storeExport } from '../db/export-queue';
import { isDatabaseConnected } from '../db/mongodb';
import { exportFile, makeWorkFolder, touchWorkFolder } from '../media/exports';
import { filmProgram } from '../media/ffmpeg';
import { toAppError } from '../utils/errors';
import { syncFolder } from '../utils/durable-file';
import { logger } from '../utils/logger';
import { broadcastExport, watchStaleness } from './broadcast';
import { renderFilm } from './render-film';

// One export is rendered at a time, by whichever server has its lease.

const roundMs = 1000;
const progressEveryMs = 500;
const retryMs = 1000;

type Running = { stored: StoredExport; stop: AbortController; folder: string | null; done: Promise<void> };

let running: Running | null = null;
let timer: NodeJS.Timeout | undefined;
let isClaiming = false;
let isStopping = false;

/** Renders waiting exports, and begins again those that a killed process has left, until `stopExporter`; may be called again. */
export function startExporter(): void {
  watchStaleness();
  clearInterval(timer);
  timer = setInterval(wakeExporter, roundMs);
  wakeExporter();
}

/** Ends a running ffmpeg; the next start begins its export again. */
export async function stopExporter(): Promise<void> {
  isStopping = true;
  clearInterval(timer);
  const left = running;
  if (!left) return;
  left.stop.abort();
  await left.done;
  if (isDatabaseConnected())
    await releaseLease(left.stored).catch((error: unknown) => logger.warn('export not released', { error }));
}

/** Renews the lease of the running export, or looks for the next one. */
export function wakeExporter(): void {
  void runRound().catch((error: unknown) => logger.warn('exports not looked after', { error }));
}

/** Ends the run of an export if this process renders it; resolves once its files are gone. */
export async function stopRendering(exportId: string): Promise<void> {
  if (String(running?.stored._id) !== exportId) return;
  running?.stop.abort();
  await running?.done;
}

async function runRound(): Promise<void> {
  if (isStopping || isClaiming) return;
  isClaiming = true;
  try {
    if (running) return await keep(running);
    const claimed = await claimExport();
    if (claimed) begin(claimed);
  } finally {
    isClaiming = false;
  }
}

/** Keeps the lease and the folder of a run; stops it if another process has cancelled it or taken it over. */
async function keep({ stored, stop, folder }: Running): Promise<void> {
  if (folder) await touchWorkFolder(folder);
  if (!(await renewLease(stored))) stop.abort();
}

function begin(stored: StoredExport): void {
  const run: Running = { stored, stop: new AbortController(), folder: null, done: Promise.resolve() };
  running = run;
  if (isStopping) run.stop.abort();
  run.done = render(run).finally(() => {
    running = null;
    wakeExporter();
  });
}

/** Renders an export and stores how it ended; never rejects. */
async function render(run: Running): Promise<void> {
  const { stored, stop } = run;
  const fields = { export_id: String(stored._id), run: stored.run };
  logger.info('export begins', fields);
  try {
    await broadcastExport(stored).catch(logUnsent);
    await complete(run);
    logger.info('export completed', fields);
  } catch (error) {
    if (stop.signal.aborted) logger.info('export stopped', fields);
    else await fail(stored, error).catch((failure: unknown) => logger.error('export not ended', { error: failure }));
  } finally {
    if (run.folder) await rm(run.folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function complete(run: Running): Promise<void> {
  const { stored, stop } = run;
  const { signal } = stop;
  run.folder = await makeWorkFolder(String(stored._id), stored.run);
  const program = filmProgram(false);
  const onProgress = reporter(run);
  const { file, size, hasAudio } = await renderFilm(stored.recipe, { program, folder: run.folder, signal, onProgress });
  signal.throwIfAborted();
  const name = `${String(stored._id)}-${stored.run}.mp4`;
  await rename(file, exportFile(name));
  await syncFolder(exportFile('.'));
  const ended = await end(stored, { status: 'completed', file: name, size, has_audio: hasAudio }, {}, signal);
  // Cancelled, or taken over by another process.
  if (!ended) await rm(exportFile(name), { force: true });
}

/** Stores the progress and broadcasts it, at most twice a second. */
function reporter({ stored, stop }: Running) {
  let last = performance.now();
  return (progress: number) => {
    if (performance.now() - last < progressEveryMs || stop.signal.aborted) return;
    last = performance.now();
    storeExport(stored._id, ofRun(stored), { progress: Math.min(1, Math.round(progress * 1000) / 1000) })
      .then((found) => found && broadcastExport(found))
      .catch((error: unknown) => logger.debug('progress of an export not stored', { error }));
  };
}

async function fail(stored: StoredExport, error: unknown): Promise<void> {
  logger.error('export failed', { export_id: String(stored._id), error });
  const known = toAppError(error);
  const { code } = known;
  const message = code === 'INTERNAL' ? failedSentence : known.message;
  await end(stored, { status: 'failed', error: { code, message } }, { key: 1 });
}

const failedSentence =
  'The film could not be rendered; the log of the server has the details. Look for a clip that does not play, then export again.';

/** Stores how a run ended, as often as it takes, and broadcasts it; false if it is not this process's any more. */
async function end(stored: StoredExport, set: object, unset: object, signal?: AbortSignal): Promise<boolean> {
  const fields = { ...set, progress: null, completed_at: new Date() };
  const ended = await retryWhileDatabaseIsDown(
    () => storeExport(stored._id, ofRun(stored), fields, { slot: 1, lease: 1, ...unset }),
    signal,
  );
  if (!ended) return false;
  await broadcastExport(ended).catch(logUnsent);
  const files = await dropOldExports(ended.film_id).catch(() => []);
  await Promise.all(files.map((file) => rm(exportFile(file), { force: true })));
  return true;
}

async function retryWhileDatabaseIsDown<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (toAppError(error).code !== 'DATABASE_UNAVAILABLE' || signal?.aborted || isStopping) throw error;
      await sleep(retryMs);
    }
  }
}

const logUnsent = (error: unknown) => logger.warn('export not broadcast', { error });
