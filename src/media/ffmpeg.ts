import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { config } from '../config';

let foundFfmpeg: string | null = null;

/** The ffmpeg to run: FFMPEG_PATH, else the one on PATH, else the packaged one; null where none of these runs. */
export function ffmpegPath(): string | null {
  const candidates = config.FFMPEG_PATH ? [config.FFMPEG_PATH] : ['ffmpeg', packagedFfmpeg()];
  foundFfmpeg ??= candidates.find((program) => program && runs(program)) ?? null;
  return foundFfmpeg;
}

const runs = (program: string) => spawnSync(program, ['-version'], { stdio: 'ignore' }).status === 0;

// An optional dependency: npm leaves it out on platforms that it has no program for.
function packagedFfmpeg(): string | null {
  try {
    return (createRequire(__filename)('@ffmpeg-installer/ffmpeg') as { path: string }).path;
  } catch {
    return null;
  }
}
