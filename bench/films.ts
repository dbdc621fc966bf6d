import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { mongo } from 'mongoose';
import { emptyForm, newFilmSettings } from '../src/contract/defaults';
import type { FilmExport } from '../src/contract/export';
import type { ServerMessage } from '../src/contract/messages';
import { close, loadUpdates, open } from './load';
import { startServer, type Measured } from './processes';
import { mebibytes, milliseconds, type Row } from './report';
import { median } from './statistics';
import { seedWorkspaces } from './workspaces';

const run = promisify(execFile);
const listWithinMs = 50;
const unchangedWithinMs = listWithinMs / 10;
const renderRatio = 1.15;
const cachedWithinMs = 2000;
const updateWithinMs = 100;
const moreBytes = 100 * 2 ** 20;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The list of many films with many shots each, in full and unchanged. */
export async function measureFilms(
  uri: string,
  database: mongo.Db,
  { films, shots, requests }: { films: number; shots: number; requests: number },
): Promise<Row[]> {
  const server = await startServer({ MONGODB_URI: uri });
  try {
    await seedFilms(database, films, shots);
    const etag = (await fetch(`${server.url}/api/films`)).headers.get('etag')!;
    const full = await timesOf(requests, () => fetch(`${server.url}/api/films`));
    const unchanged = await timesOf(requests, () =>
      fetch(`${server.url}/api/films`, { headers: { 'If-None-Match': etag } }),
    );
    return [
      {
        item: `List of ${films} films of ${shots} shots: in full`,
        measured: milliseconds(median(full)),
        target: `< ${listWithinMs} ms`,
        met: median(full) < listWithinMs,
        values: { medianMs: median(full) },
      },
      {
        item: `List of ${films} films of ${shots} shots: unchanged, 304`,
        measured: milliseconds(median(unchanged)),
        target: `< ${unchangedWithinMs} ms`,
        met: median(unchanged) < unchangedWithinMs,
        values: { medianMs: median(unchanged) },
      },
    ];
  } finally {
    await server.stop();
  }
}

async function seedFilms(database: mongo.Db, films: number, shots: number): Promise<void> {
  const ids = await seedWorkspaces(database, films * shots);
  const workspaces = database.collection('workspaces');
  for (let film = 1; film < films; film++) {
    const at = new Date();
    const { insertedId } = await database.collection('films').insertOne({
      title: `Film ${film}`,
      settings: newFilmSettings,
      version: 1,
      applied: [],
      created_at: at,
      updated_at: at,
      deleted_at: null,
    });
    const own = ids.slice(film * shots, (film + 1) * shots).map((id) => new mongo.ObjectId(id));
    await workspaces.updateMany({ _id: { $in: own } }, { $set: { film_id: insertedId } });
  }
}

async function timesOf(count: number, ask: () => Promise<Response>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedMs = performance.now();
    await (await ask()).arrayBuffer();
    times.push(performance.now() - startedMs);
  }
  return times;
}

/** A film of equal clips with cuts only: rendered first, from the cache, and beside updates; and the same by bare ffmpeg. */
export async function measureExports(uri: string, database: mongo.Db, clips: number): Promise<Row[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-bench-films-'));
  const videos = path.join(folder, 'videos');
  await mkdir(videos);
  const server = await startServer({ MONGODB_URI: uri, UPLOAD_DIR: folder });
  try {
    const ids = await seedWorkspaces(database, clips);
    const files = ids.map((_, index) => path.join(videos, `shot-${index}.mp4`));
    for (const [index, file] of files.entries()) await makeClip(file, index);
    const first = await timeExport(server, { resolution: '720p' });
    const bareMs = await timeBare(files, path.join(folder, 'bare.mp4'));
    await post(server, '/api/export/delete', { export_id: first.id });
    const cached = await timeExport(server, { resolution: '720p' });

    const before = await server.usage();
    const beside = timeExport(server, { resolution: '1080p' });
    const load = { warmUpMs: 500, measureMs: 5000, pauseMs: 100 };
    const { p99Ms } = await loadUpdates(server.wsUrl, ids.slice(0, 5), load);
    await beside;
    const grownBytes = (await server.usage()).rssBytes - before.rssBytes;

    const film = `Finished film of ${clips} clips of ${emptyForm.duration_s} s at 720p`;
    const ratio = first.ms / bareMs;
    return [
      {
        item: `${film}: first render`,
        measured: seconds(first.ms),
        floor: seconds(bareMs),
        ratio: `${ratio.toFixed(2)} of bare ffmpeg`,
        target: `<= ${renderRatio} x ffmpeg`,
        met: ratio <= renderRatio,
        values: { ms: first.ms, bareMs, ratio },
      },
      {
        item: `${film}: all of it cached`,
        measured: seconds(cached.ms),
        target: `< ${cachedWithinMs / 1000} s`,
        met: cached.ms < cachedWithinMs,
        values: { ms: cached.ms },
      },
      {
        item: 'Updates of 5 sockets while a film renders: p99',
        measured: milliseconds(p99Ms),
        target: `< ${updateWithinMs} ms`,
        met: p99Ms < updateWithinMs,
        values: { p99Ms },
      },
      {
        item: 'Memory that a render adds, resident',
        measured: mebibytes(Math.max(0, grownBytes)),
        target: `< ${mebibytes(moreBytes)}`,
        met: grownBytes < moreBytes,
        values: { grownBytes },
      },
    ];
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A clip with sound that moves everywhere; each one is different, so that none is rendered for two. */
async function makeClip(file: string, index: number): Promise<void> {
  const picture = `testsrc2=size=1280x720:rate=24:duration=${emptyForm.duration_s},hue=h=${index * 30}`;
  const sound = `sine=frequency=${220 + 20 * index}:duration=${emptyForm.duration_s}`;
  const inputs = ['-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound];
  await run('ffmpeg', ['-v', 'error', ...inputs, '-pix_fmt', 'yuv420p', '-shortest', file]);
}

/** What one ffmpeg needs to join the clips with the settings of the server. */
async function timeBare(files: string[], output: string): Promise<number> {
  const joined = `concat=n=${files.length}:v=1:a=1[v][a]`;
  const video = '-r 24 -c:v libx264 -profile:v high -preset veryfast -crf 18 -pix_fmt yuv420p -g 48'.split(' ');
  const sound = '-c:a aac -b:a 192k -ac 2 -ar 48000 -movflags +faststart'.split(' ');
  const startedMs = performance.now();
  const inputs = files.flatMap((file) => ['-i', file]);
  const graph = ['-filter_complex', joined, '-map', '[v]', '-map', '[a]'];
  await run('nice', ['-n', '10', 'ffmpeg', '-v', 'error', ...inputs, ...graph, ...video, ...sound, output]);
  return performance.now() - startedMs;
}

/** Exports the default film; resolves with the time until it was told that it is there. */
async function timeExport(server: Measured, options: object): Promise<{ id: string; ms: number }> {
  const socket = await open(server.wsUrl);
  const startedMs = performance.now();
  const told = new Map<string, FilmExport>();
  const look = { now: (): void => undefined };
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as ServerMessage;
    if (message.type === 'export.status_update') told.set(message.export._id, message.export);
    look.now();
  });
  const { export: made } = (await post(server, '/api/export/film', { options })) as { export: FilmExport };
  const ended = await new Promise<FilmExport>((resolve) => {
    look.now = () => {
      const one = told.get(made._id) ?? made;
      if (one.status !== 'queued' && one.status !== 'running') resolve(one);
    };
    look.now();
  });
  const ms = performance.now() - startedMs;
  await close(socket);
  if (ended.status !== 'completed') throw new Error(`the export ended with ${JSON.stringify(ended.error)}`);
  return { id: made._id, ms };
}

async function post({ url }: Measured, address: string, body: object): Promise<unknown> {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(url + address, init);
  if (!response.ok) throw new Error(`${address} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
