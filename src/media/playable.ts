import { link, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { copyAtomically, syncFile, syncFolder } from '../utils/durable-file';
import { logger } from '../utils/logger';
import { createLimit } from '../utils/queue';
import { checkWhole } from './container';
import { ffmpegPath } from './ffmpeg';
import { inputOf, probe, runQuietly } from './probe';
import { draftOf } from './uploads';
import { videoFile } from './videos';

const conversionTimeoutMs = 300_000;

const limited = createLimit(1);

type Facts = {
  format: string;
  video: string;
  pixels: string;
  audio: string | null;
  ext: 'mp4' | 'mov' | 'webm';
};

/**
 * Converts the stored video of an attempt to one that every browser plays (8-bit 4:2:0 H.264 with AAC, in an mp4 with its index
 * first) if it is not, and keeps the provider's file beside it. If that fails, it is logged and the video stays unchanged;
 * rejects only when `signal` aborts it, and may then be called again.
 */
export async function makePlayable(attemptId: string, signal: AbortSignal): Promise<void> {
  const program = ffmpegPath();
  if (!program) return;
  try {
    const facts = await readFacts(program, videoFile(attemptId), signal);
    if (isPlayable(facts)) return;
    await limited(() => convert(program, attemptId, facts, signal));
    logger.info('video made playable', { attempt_id: attemptId, ...facts });
  } catch (error) {
    signal.throwIfAborted();
    logger.warn('video conversion failed, original kept', { attempt_id: attemptId, error });
  }
}

const isInMp4 = ({ format }: Facts) => format.split(',').includes('mp4');
const isVideoPlayable = ({ video, pixels }: Facts) => video === 'h264' && /^yuvj?420p$/.test(pixels);
const isAudioPlayable = ({ audio }: Facts) => audio === null || audio === 'aac' || audio === 'mp3';
const isPlayable = (facts: Facts) => isInMp4(facts) && isVideoPlayable(facts) && isAudioPlayable(facts);

async function convert(program: string, attemptId: string, facts: Facts, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const file = videoFile(attemptId);
  const draft = draftOf(file);
  // 4:2:0 H.264 needs even sides.
  const encodeVideo = '-c:v libx264 -preset fast -crf 18 -pix_fmt yuv420p -vf scale=trunc(iw/2)*2:trunc(ih/2)*2';
  const parameters = [
    ...['-v', 'error', '-y', ...inputOf(file), '-map', '0:v:0', '-map', '0:a:0?'],
    ...(isVideoPlayable(facts) ? '-c:v copy' : encodeVideo).split(' '),
    ...(isAudioPlayable(facts) ? '-c:a copy' : '-c:a aac -b:a 192k').split(' '),
    ...['-movflags', '+faststart', '-f', 'mp4', draft],
  ];
  try {
    const { code, endedBy, stderr } = await runQuietly(program, parameters, {
      signal,
      timeoutMs: conversionTimeoutMs,
    });
    if (code !== 0) throw new Error(`ffmpeg ended with code ${code ?? endedBy}: ${stderr.trim()}`);
    await syncFile(draft, checkComplete);
    const made = await readFacts(program, draft, signal);
    if (!isPlayable(made)) throw new Error(`ffmpeg made ${Object.values(made).join(' ')}`);
    await keepOriginal(file, originalOf(file, facts));
    await rename(draft, file);
    await syncFolder(path.dirname(file));
  } finally {
    await rm(draft, { force: true });
  }
}

/** A file beside the clip, with the same name up to the first dot, by which they are known to belong together. */
const originalOf = (file: string, { ext }: Facts): string => file.replace(/\.mp4$/, `.original.${ext}`);

const checkComplete = (handle: FileHandle): Promise<void> => checkWhole(handle, true);

// A hard link, so that the clip is always there and the disk holds it only once.
async function keepOriginal(file: string, original: string): Promise<void> {
  try {
    await link(file, original);
  } catch (error) {
    // It was linked before a crash, and the clip is not replaced yet.
    if ((error as { code?: string }).code === 'EEXIST') return;
    // The disk has no hard links.
    await copyAtomically(file, original, draftOf(original), checkComplete);
  }
  await syncFolder(path.dirname(original));
}

async function readFacts(program: string, file: string, signal: AbortSignal): Promise<Facts> {
  const { format, video, audio, isQuickTime } = await probe(program, file, { signal });
  if (!video) throw new Error('ffmpeg found no video in the file');
  const ext = format.includes('webm') ? 'webm' : isQuickTime ? 'mov' : 'mp4';
  return { format, video: video.codec, pixels: video.pixels, audio, ext };
}
