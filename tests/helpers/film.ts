import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ffmpegPath } from '../../src/media/ffmpeg';
import type { TestServer } from './server';
import type { TestSocket } from './socket';
import { changeStored } from './stored';

const run = promisify(execFile);
const folder = mkdtempSync(path.join(os.tmpdir(), 'film-'));
let count = 0;

export type ClipKind = {
  size?: string;
  rate?: string;
  seconds?: number;
  output?: string;
  isSilent?: boolean;
  at?: number;
};

/** A clip with a white tenth of a second and a beep in it, at first or at that second. */
export async function makeClip(kind: ClipKind = {}): Promise<Buffer> {
  const {
    size = '320x180',
    rate = '24',
    seconds = 2,
    output = '-c:v libx264 -c:a aac',
    isSilent = false,
    at = 0,
  } = kind;
  const file = path.join(folder, `${++count}.${output.includes('vp9') ? 'webm' : 'mp4'}`);
  const flash = `color=c=0x203040:s=${size}:r=${rate}:d=${seconds},drawbox=c=white:t=fill:enable='gte(t,${at})*lt(t,${at + 0.1})'`;
  const beep = `sine=f=1000:d=0.1:sample_rate=44100,adelay=${at * 1000},apad=whole_dur=${seconds}`;
  const sound = isSilent ? [] : ['-f', 'lavfi', '-i', beep];
  const encoding = ['-pix_fmt', 'yuv420p', ...output.split(' ').filter((word) => !isSilent || word !== '-c:a aac')];
  await run(ffmpegPath()!, [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    flash,
    ...sound,
    ...encoding,
    '-t',
    String(seconds),
    file,
  ]);
  return readFileSync(file);
}

export type Film = { _id: string };

/** Creates a film with those settings. */
export async function newFilm(socket: TestSocket, settings: object = {}): Promise<Film> {
  const { film } = await socket.ask({ type: 'film.create', title: 'Sea: a film', settings });
  return film as Film;
}

/** Adds a shot whose clip is that file, as a finished generation would have stored it; returns its id. */
export async function addShot(
  server: TestServer,
  socket: TestSocket,
  film: Film,
  {
    clip,
    seconds = 2,
    cut = {},
    hasAudio = true,
  }: { clip: Buffer; seconds?: number; cut?: object; hasAudio?: boolean },
): Promise<string> {
  const { workspace } = await socket.ask({ type: 'workspace.create', film_id: film._id, data: { cut } });
  const attempt = `film${process.pid}x${++count}`;
  const videos = path.join(server.folder, 'uploads/videos');
  mkdirSync(videos, { recursive: true });
  writeFileSync(path.join(videos, `${attempt}.mp4`), clip);
  await changeStored(server.env.MONGODB_URI!, workspace._id, {
    'video.status': 'completed',
    'video.url': `/uploads/videos/${attempt}.mp4`,
    'video.attempt_id': attempt,
    'video.file_duration_s': seconds,
    'video.has_audio': hasAudio,
    'video.size': clip.length,
  });
  return workspace._id as string;
}

/** Requests the finished film and waits until it has ended; returns its last state. */
export async function exported(server: TestServer, socket: TestSocket, film: Film, options: object = {}) {
  const { status, body } = await server.post('/api/export/film', { film_id: film._id, options });
  if (status !== 202) throw new Error(JSON.stringify(body));
  return ended(socket, body.export);
}

/** Waits until an export has ended. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
export async function ended(socket: TestSocket, { _id, status }: { _id: string; status: string }): Promise<any> {
  const isEnd = (state: string) => ['completed', 'failed', 'cancelled'].includes(state);
  const frame = await socket.next(
    ({ type, export: told }) =>
      type === 'export.status_update' && told._id === _id && (isEnd(told.status) || isEnd(status)),
  );
  return frame.export;
}

/** The file of a completed export. */
export const fileOf = (server: TestServer, { url }: { url: string }): string => path.join(server.folder, url);

/** What ffprobe counts and reads in a film. */
export async function streamsOf(file: string): Promise<Record<string, string | number>[]> {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-count_frames', '-show_streams', '-of', 'json', file]);
  return (JSON.parse(stdout) as { streams: Record<string, string | number>[] }).streams;
}

const side = 8;
const windowSamples = 240;
const rate = 48_000;

/** The frames in which the picture becomes bright, and the seconds at which a sound begins. */
export async function flashesAndBeeps(file: string): Promise<{ flashes: number[]; beeps: number[] }> {
  const options = { encoding: 'buffer', maxBuffer: 2 ** 30 } as const;
  const gray = ['-vf', `crop=iw/4:ih/4,scale=${side}:${side},format=gray`, '-f', 'rawvideo', '-'];
  const { stdout: pixels } = await run(ffmpegPath()!, ['-v', 'error', '-i', file, ...gray], options);
  const { stdout: sound } = await run(
    ffmpegPath()!,
    ['-v', 'error', '-i', file, '-ac', '1', '-ar', String(rate), '-f', 's16le', '-'],
    options,
  );
  const area = side * side;
  const light = Array.from({ length: pixels.length / area }, (_, index) => {
    const frame = pixels.subarray(index * area, (index + 1) * area);
    return frame.reduce((sum, value) => sum + value, 0) / area;
  });
  const loud = Array.from({ length: Math.floor(sound.length / 2 / windowSamples) }, (_, index) =>
    Math.max(
      ...Array.from({ length: windowSamples }, (_x, at) =>
        Math.abs(sound.readInt16LE((index * windowSamples + at) * 2)),
      ),
    ),
  );
  const from = Math.max(...loud) * 0.2;
  const isOnset = (values: number[], index: number, level: number, quiet: number) =>
    values[index]! > level && values.slice(Math.max(0, index - quiet), index).every((value) => value <= level);
  return {
    flashes: [...light.keys()].filter((index) => isOnset(light, index, 110, 3)),
    beeps: [...loud.keys()]
      .filter((index) => isOnset(loud, index, from, 20))
      .map((index) => (index * windowSamples) / rate),
  };
}
