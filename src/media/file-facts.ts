import { stat } from 'node:fs/promises';
import type { FileFacts } from '../contract/video';
import { unknownFacts } from '../contract/defaults';
import { logger } from '../utils/logger';
import { createLimit } from '../utils/queue';
import { ffmpegPath } from './ffmpeg';
import { inputOf, probe, runQuietly } from './probe';
import { videoFile } from './videos';

const framesTimeoutMs = 60_000;
/** ffmpeg's flag of a frame that the file has but does not show, since an edit list cuts it off. */
const hiddenFlag = 4;

const limited = createLimit(1);

/**
 * Reads the facts of an attempt's video; of one that cannot be read, or without ffmpeg, only its size is known. Logs what
 * fails, and rejects only when `signal` aborts it.
 */
export async function readFileFacts(attemptId: string, signal: AbortSignal): Promise<FileFacts> {
  const file = videoFile(attemptId);
  const size = await sizeOf(file);
  try {
    const program = ffmpegPath();
    if (!program) throw new Error('ffmpeg was not found');
    if (size === null) throw new Error('the file is not there');
    return { ...(await limited(() => readWith(program, file, signal))), size };
  } catch (error) {
    signal.throwIfAborted();
    logger.warn('facts of a clip not read', { attempt_id: attemptId, error });
    return { ...unknownFacts, size };
  }
}

const sizeOf = (file: string): Promise<number | null> =>
  stat(file).then(
    ({ size }) => size,
    () => null,
  );

async function readWith(program: string, file: string, signal: AbortSignal): Promise<Omit<FileFacts, 'size'>> {
  signal.throwIfAborted();
  const { video, audio } = await probe(program, file, { signal });
  if (!video) throw new Error('ffmpeg found no video in the file');
  const { frames, lengthS } = await countFrames(program, file, signal);
  const { width, height } = video;
  const rounded = { file_duration_s: toThousandths(lengthS), fps: toThousandths(frames / lengthS) };
  return { width, height, ...rounded, has_audio: audio !== null };
}

const toThousandths = (value: number): number => Math.round(value * 1000) / 1000;

/** The number of frames that are shown, and from the first to the end of the last; reads the whole file, but decodes nothing. */
export async function countFrames(program: string, file: string, signal: AbortSignal) {
  let secondsPerTick = NaN;
  let begin = Infinity;
  let end = -Infinity;
  let frames = 0;
  // Lines are `#tb 0: 1/12800`, other remarks, and for each frame its stream, dts, pts, duration, size, checksum, flags.
  const onLine = (line: string) => {
    const [, numerator, denominator] = /^#tb 0: (\d+)\/(\d+)$/.exec(line) ?? [];
    if (numerator) secondsPerTick = Number(numerator) / Number(denominator);
    const flags = Number(/, F=(0x[0-9A-F]+)/.exec(line)?.[1] ?? 0);
    const [, , pts = NaN, ticks = NaN] = line.split(',').map(Number);
    // ffmpeg writes an unknown time as the lowest number of 64 bits.
    if (line.startsWith('#') || flags & hiddenFlag || !Number.isSafeInteger(pts)) return;
    begin = Math.min(begin, pts);
    end = Math.max(end, pts + ticks);
    frames++;
  };
  const output = ['-map', '0:v:0', '-c', 'copy', '-f', 'framecrc', '-'];
  const parameters = ['-v', 'error', ...inputOf(file), ...output];
  const { code, endedBy, stderr } = await runQuietly(program, parameters, {
    signal,
    timeoutMs: framesTimeoutMs,
    onLine,
  });
  if (code !== 0) throw new Error(`ffmpeg ended with code ${code ?? endedBy}: ${stderr.trim()}`);
  const lengthS = (end - begin) * secondsPerTick;
  if (!(lengthS > 0)) throw new Error('ffmpeg found no frames with a length');
  return { frames, lengthS };
}
