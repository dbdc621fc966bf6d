import { rm } from 'node:fs/promises';
import sharp from 'sharp';
import { createLimit } from '../utils/queue';
import { AppError } from '../utils/errors';
import { ffmpegPath, ffmpegProblem } from './ffmpeg';
import { imageInput, storePicture } from './images';
import { inputOf, runQuietly } from './probe';
import { temporaryFile } from './uploads';
import { videoFile } from './videos';

const timeoutMs = 60_000;
/** How much before the end is decoded first; all of it only if that has no frame. */
const windowS = 2;
/** Cuts are stored in milliseconds, so a frame that begins that shortly before the end of a cut is the first one after it. */
const roundingS = 0.001;
/** Any rate: each frame is written, at whatever time the file has it. */
const rate = 25;

const oneByOne = createLimit(1);

/**
 * Stores the last frame of an attempt's clip that begins before `endS` seconds, or for null the last one that decodes, as a PNG
 * without metadata; returns its `image_path`. `lengthS` says where to look first. Throws when the clip has no such frame.
 */
export const storeLastFrame = (
  attemptId: string,
  { endS, lengthS }: { endS: number | null; lengthS: number | null },
  signal: AbortSignal,
): Promise<string> =>
  oneByOne(async () => {
    const program = frameProgram();
    const clip = videoFile(attemptId);
    const frame = `${temporaryFile()}.png`;
    try {
      const fromS = Math.max(0, (endS ?? lengthS ?? 0) - windowS);
      const isFound =
        (await writeLastFrame(program, clip, frame, { fromS, endS, signal })) ||
        (fromS > 0 && (await writeLastFrame(program, clip, frame, { fromS: 0, endS, signal })));
      if (!isFound) throw new Error('ffmpeg found no frame');
      const png = await sharp(frame, imageInput).png().toBuffer();
      return (await storePicture(png, 'png')).image_path;
    } finally {
      await rm(frame, { force: true });
    }
  });

/** The ffmpeg that takes frames; throws a sentence that says what to install if there is none. */
export function frameProgram(): string {
  const program = ffmpegPath();
  if (program) return program;
  const message = `The last frame of the shot before cannot be taken: ${ffmpegProblem()}.`;
  throw new AppError('PROVIDER_NOT_CONFIGURED', message);
}

type Part = { fromS: number; endS: number | null; signal: AbortSignal };

/** Writes each frame of a part of a clip over the one before it, so that the last one remains; returns whether there was one. */
async function writeLastFrame(program: string, clip: string, frame: string, { fromS, endS, signal }: Part) {
  const end = endS === null ? '' : `trim=end=${Math.max(endS - roundingS - fromS, roundingS).toFixed(6)},`;
  const parameters = [
    ...['-v', 'error', '-y', '-ss', String(fromS), ...inputOf(clip)],
    ...['-map', '0:v:0', '-vf', `${end}setpts=N/${rate}/TB`, '-r', String(rate)],
    ...['-f', 'image2', '-c:v', 'png', '-compression_level', '0', '-update', '1', '-progress', 'pipe:1', frame],
  ];
  let frames = 0;
  const onLine = (line: string) => {
    frames = Number(/^frame=\s*(\d+)/.exec(line)?.[1] ?? frames);
  };
  const { code, endedBy, stderr } = await runQuietly(program, parameters, { signal, timeoutMs, onLine });
  if (code !== 0 && frames === 0) throw new Error(`ffmpeg ended with code ${code ?? endedBy}: ${stderr.trim()}`);
  return frames > 0;
}
