import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { config, readSettings } from '../config';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { cachedFfmpeg, fetchFfmpeg } from './ffmpeg-wheel';

type Program = {
  file: string;
  /** As it says itself, such as "5.1.9". */
  version: string;
  /** Whether it is 4.4 or newer, the oldest that joins shots by more than cuts. */
  isRecent: boolean;
};
type Found = { program: Program | null; problem: string | null };

const checkTimeoutMs = 10_000;
const side = 64;
const remedy = 'install an ffmpeg with libx264, or set FFMPEG_PATH to one, and restart the server';

let found: Found | null = null;

/**
 * The ffmpeg to run: FFMPEG_PATH, else the first that encodes H.264 and is 4.4 or newer on PATH or in the cache, else the packaged
 * one or an older one on PATH; null if none runs.
 */
export const ffmpegPath = (): string | null => findOnce().program?.file ?? null;

/** Why local clips cannot be made, and the remedy; null if the ffmpeg that was found encodes H.264. */
export const ffmpegProblem = (): string | null => findOnce().problem;

/** What an older ffmpeg cannot do, and the remedy; null if there is nothing. */
export function ffmpegWarning(): string | null {
  const { program, problem } = findOnce();
  if (problem || !program || program.isRecent) return null;
  return `ffmpeg ${program.version} is older than 4.4, so films with crossfades or fades are not rendered; ${update}`;
}

/** The ffmpeg for a finished film; throws a sentence that says what to install if it cannot render one. */
export function filmProgram(hasTransitions: boolean): Program {
  const { program, problem } = findOnce();
  if (!program || problem) {
    const why = problem ?? 'ffmpeg was not found';
    throw new AppError('PROVIDER_NOT_CONFIGURED', `The film cannot be rendered: ${why}.`);
  }
  if (hasTransitions && !program.isRecent) {
    const what = `ffmpeg ${program.version} joins shots by cuts only`;
    throw new AppError('PROVIDER_NOT_CONFIGURED', `The film cannot be rendered: ${what}; ${update}, or use cuts.`);
  }
  return program;
}

const update = 'install ffmpeg 4.4 or newer, or set FFMPEG_PATH to one, and restart the server';

/** Fetches a recent ffmpeg for this user if this machine has none; the older one is used until then. */
export async function fetchRecentFfmpeg(signal: AbortSignal): Promise<void> {
  if (config.FFMPEG_PATH || findOnce().program?.isRecent) return;
  try {
    const file = await fetchFfmpeg((line) => logger.info(line, {}), signal);
    const program = describe(file);
    if (!program?.isRecent || !encodes(file))
      throw new Error('the ffmpeg that was fetched does not run on this machine');
    found = { program, problem: null };
  } catch (error) {
    if (!signal.aborted) logger.warn('no recent ffmpeg could be fetched', { problem: ffmpegWarning(), error });
  }
}

function findOnce(): Found {
  return (found ??= findFfmpeg());
}

function findFfmpeg(): Found {
  const files = config.FFMPEG_PATH
    ? [config.FFMPEG_PATH]
    : [...onPath(), cachedFfmpeg(), packagedFfmpeg()].filter((file) => file !== null);
  let older: Program | null = null;
  for (const program of describeEach(files)) {
    if (older && !program.isRecent) continue;
    if (!encodes(program.file)) continue;
    if (program.isRecent || config.FFMPEG_PATH) return { program, problem: null };
    older = program;
  }
  if (older) return { program: older, problem: null };
  const [program = null] = describeEach(files);
  if (program) return { program, problem: `ffmpeg cannot encode H.264, so local clips fail; ${remedy}` };
  const what = config.FFMPEG_PATH ? 'the ffmpeg at FFMPEG_PATH does not run' : 'ffmpeg was not found';
  return { program, problem: `${what}, so local clips fail and no posters are made; ${remedy}` };
}

/** Each program that runs, looked at only when it is its turn. */
function* describeEach(files: string[]): Generator<Program, undefined> {
  for (const file of files) {
    const program = describe(file);
    if (program) yield program;
  }
}

/** Every ffmpeg on PATH, each file once, since one without libx264 often comes first. */
function onPath(): string[] {
  const { values } = readSettings(z.object({ PATH: z.string().default('') }));
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg';
  const folders = values.PATH.split(path.delimiter).filter(Boolean);
  const files = folders.map((folder) => path.resolve(folder, name)).filter(existsSync);
  return [...new Map(files.reverse().map((file) => [realpathSync(file), file])).values()].reverse();
}

/** Whether it encodes one frame as mp4, since its list of encoders may include ones that do not work. */
function encodes(program: string): boolean {
  const frame = Buffer.alloc((side * side * 3) / 2);
  const input = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${side}x${side}`, '-i', 'pipe:0'];
  const output = ['-c:v', 'libx264', '-f', 'mp4', '-movflags', 'frag_keyframe+empty_moov', 'pipe:1'];
  const { status, stdout } = spawnSync(program, ['-v', 'error', ...input, ...output], {
    input: frame,
    timeout: checkTimeoutMs,
  });
  return status === 0 && stdout.length > 0;
}

/** What a program says of its version; null if it does not run. */
function describe(file: string): Program | null {
  const { status, stdout } = spawnSync(file, ['-version'], { encoding: 'utf8', timeout: checkTimeoutMs });
  if (status !== 0) return null;
  const [, version = 'of an unknown version'] = /^ffmpeg version n?(\S+)/m.exec(stdout) ?? [];
  return { file, version, isRecent: isRecent(version) };
}

/** The number of commits before 4.4, by which builds of the development version are named: "N-92718-g092cb17983". */
const commitsBefore44 = 101_700;

function isRecent(version: string): boolean {
  const [, commits] = /^N-(\d+)/.exec(version) ?? [];
  if (commits) return Number(commits) >= commitsBefore44;
  const [, year] = /^(20\d\d)-/.exec(version) ?? [];
  if (year) return Number(year) > 2021;
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  return major !== undefined && (major > 4 || (major === 4 && (minor ?? 0) >= 4));
}

// An optional dependency, which npm leaves out on platforms without a binary.
function packagedFfmpeg(): string | null {
  try {
    return (createRequire(__filename)('@ffmpeg-installer/ffmpeg') as { path: string }).path;
  } catch {
    return null;
  }
}
