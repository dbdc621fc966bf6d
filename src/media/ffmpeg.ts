import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { config, readSettings } from '../config';

type Found = { program: string | null; problem: string | null };

const checkTimeoutMs = 10_000;
const side = 64;
const remedy = 'install an ffmpeg with libx264, or set FFMPEG_PATH to one, and restart the server';

let found: Found | null = null;

/**
 * The ffmpeg to run, searched once: FFMPEG_PATH, else the first that encodes H.264 from PATH or the package; null if none runs.
 */
export const ffmpegPath = (): string | null => findOnce().program;

/** Why local clips cannot be made, and the remedy; null if the ffmpeg that was found encodes H.264. */
export const ffmpegProblem = (): string | null => findOnce().problem;

function findOnce(): Found {
  return (found ??= findFfmpeg());
}

function findFfmpeg(): Found {
  const candidates = config.FFMPEG_PATH
    ? [config.FFMPEG_PATH]
    : [...onPath(), packagedFfmpeg()].filter((file) => file !== null);
  const able = candidates.find(encodes);
  if (able) return { program: able, problem: null };
  const program = candidates.find(runs) ?? null;
  if (program) return { program, problem: `ffmpeg cannot encode H.264, so local clips fail; ${remedy}` };
  const what = config.FFMPEG_PATH ? 'the ffmpeg at FFMPEG_PATH does not run' : 'ffmpeg was not found';
  return { program, problem: `${what}, so local clips fail and no posters are made; ${remedy}` };
}

/** Every ffmpeg on PATH, each file once, since one without libx264 often comes first. */
function onPath(): string[] {
  const { values } = readSettings(z.object({ PATH: z.string().default('') }));
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg';
  const folders = values.PATH.split(path.delimiter).filter(Boolean);
  const files = folders.map((folder) => path.resolve(folder, name)).filter(existsSync);
  return [...new Map(files.reverse().map((file) => [realpathSync(file), file])).values()].reverse();
}

/** Whether it encodes one frame as mp4; its list of encoders may name ones that do not work. */
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

const runs = (program: string) =>
  spawnSync(program, ['-version'], { stdio: 'ignore', timeout: checkTimeoutMs }).status === 0;

// An optional dependency, which npm leaves out on platforms without a binary.
function packagedFfmpeg(): string | null {
  try {
    return (createRequire(__filename)('@ffmpeg-installer/ffmpeg') as { path: string }).path;
  } catch {
    return null;
  }
}
