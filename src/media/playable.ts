import { link, rename, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import path from 'node:path';
import { syncFolder } from '../utils/durable-file';
import { logger } from '../utils/logger';
import { createLimit } from '../utils/queue';
import { ffmpegPath } from './ffmpeg';
import { runFfmpeg } from './ffmpeg-process';
import { draftOf } from './uploads';
import { checkAndFlush, copyWhole, videoFile } from './videos';

const probeTimeoutMs = 30_000;
const conversionTimeoutMs = 300_000;
/** Enough for ffmpeg's description of a file, or its last lines before a failure. */
const maxStderrLength = 64 * 1024;
/** The nice value of a conversion, behind everything else on the machine. */
const lowPriority = 15;

const limited = createLimit(1);

type Facts = {
  /** The container as ffmpeg names it, such as "mov,mp4,m4a,3gp,3g2,mj2". */
  format: string;
  video: string;
  /** Such as "yuv420p10le". */
  pixels: string;
  /** Null for a silent file. */
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
    const facts = await probe(program, videoFile(attemptId), signal);
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
    const { code, endedBy, stderr } = await run(program, parameters, conversionTimeoutMs, signal);
    if (code !== 0) throw new Error(`ffmpeg ended with code ${code ?? endedBy}: ${stderr.trim()}`);
    await checkAndFlush(draft, true);
    const made = await probe(program, draft, signal);
    if (!isPlayable(made)) throw new Error(`ffmpeg made ${Object.values(made).join(' ')}`);
    await keepOriginal(file, originalOf(file, facts));
    await rename(draft, file);
    await syncFolder(path.dirname(file));
  } finally {
    await rm(draft, { force: true });
  }
}

/** Beside the clip, with the same name up to the first dot, which shows that the files belong together. */
const originalOf = (file: string, { ext }: Facts): string => file.replace(/\.mp4$/, `.original.${ext}`);

// A hard link, so that the clip is always there and takes up the disk only once.
async function keepOriginal(file: string, original: string): Promise<void> {
  try {
    await link(file, original);
  } catch (error) {
    // Linked before a crash, and not replaced yet.
    if ((error as { code?: string }).code === 'EEXIST') return;
    // The disk has no hard links.
    await copyWhole(file, original, true);
  }
  await syncFolder(path.dirname(original));
}

// A provider's file must not make ffmpeg read another file or use the network.
const inputOf = (file: string) => ['-protocol_whitelist', 'file', '-i', file];

/** The streams of a file according to ffmpeg, since ffprobe is not packaged. */
async function probe(program: string, file: string, signal: AbortSignal): Promise<Facts> {
  const { stderr } = await run(program, ['-hide_banner', ...inputOf(file)], probeTimeoutMs, signal);
  const [, format] = /^Input #0, (\S+), from /m.exec(stderr) ?? [];
  const [, video, pixels] = /^\s*Stream #0:.*?: Video: (\w+)[^,\n]*, (\w+)/m.exec(stderr) ?? [];
  const [, audio = null] = /^\s*Stream #0:.*?: Audio: (\w+)/m.exec(stderr) ?? [];
  if (!format || !video || !pixels) throw new Error(`ffmpeg found no video in the file: ${stderr.trim()}`);
  const isMov = /^\s*major_brand\s*: qt/m.test(stderr);
  return { format, video, pixels, audio, ext: format.includes('webm') ? 'webm' : isMov ? 'mov' : 'mp4' };
}

const run = (program: string, parameters: string[], timeoutMs: number, signal: AbortSignal) =>
  runFfmpeg(program, parameters, { signal, stderrLength: maxStderrLength, timeoutMs, onStart: lowerPriority });

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, lowPriority);
  } catch (error) {
    // The process has ended, or the system does not allow it.
    logger.debug('priority not lowered', { error });
  }
}
