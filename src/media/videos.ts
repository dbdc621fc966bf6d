import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { AppError, toAppError } from '../utils/errors';
import { moveDurably, writeDurably } from '../utils/durable-file';
import { download, filledStatuses, proxyFaultOf } from '../utils/http';
import { logger } from '../utils/logger';
import { proxyFor } from '../utils/proxy';
import { AddressRefusal, checkProxied, lookupFor } from '../utils/public-address';
import { ffmpegPath } from './ffmpeg';
import { imageInput } from './images';
import { checkWhole, isVideo } from './container';
import { draftOf, temporaryFile, uploadFolder } from './uploads';

const maxVideoBytes = 512 * 1024 * 1024;
const maxRedirects = 10;
const downloadDeadlineMs = 300_000;

const posterTimeoutMs = 30_000;
const maxPosterBytes = 64 * 1024 * 1024;

/** The path of an attempt's video, which may not exist yet. */
export const videoFile = (attemptId: string): string =>
  path.join(uploadFolder('videos'), `${path.basename(attemptId)}.mp4`);

/** The URL path of an attempt's video. */
export const videoUrl = (attemptId: string): string => `/uploads/videos/${path.basename(attemptId)}.mp4`;

/** Whether an attempt's video is on disk; if it is, it is complete. */
export const hasVideo = (attemptId: string): boolean => existsSync(videoFile(attemptId));

export type VideoSource = {
  provider: string;
  /** The base URL of the provider itself. */
  baseUrl?: string;
  url: string;
  attemptId: string;
  signal?: AbortSignal;
  maxBytes?: number;
};

/**
 * Downloads a finished video to `videoFile(attemptId)`, or throws DOWNLOAD_FAILED and leaves nothing; its `cause.status` is the
 * HTTP status if the file host did not answer 200. Connects to public https addresses only; outside production also to
 * loopback, if the provider and its link are on loopback.
 */
export async function fetchVideo({ attemptId, ...source }: VideoSource) {
  const { provider } = source;
  const file = temporaryFile();
  try {
    const isEndKnown = await downloadTo(file, source);
    await moveVideo(file, attemptId, isEndKnown);
    fetchFaults.delete(provider);
  } catch (error) {
    await rm(file, { force: true });
    throw downloadFailed(provider, error);
  }
}

/** Follows redirects to the file; returns whether its end is known. */
async function downloadTo(file: string, source: Omit<VideoSource, 'attemptId'>): Promise<boolean> {
  const { provider, baseUrl, url, signal, maxBytes = maxVideoBytes } = source;
  const deadlineMs = downloadDeadlineMs;
  let address = url;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const lookup = lookupFor(address, url, baseUrl);
    if (proxyFor(address)) await checkProxied(address);
    const reply = await download({
      provider,
      url: address,
      file,
      maxBytes,
      isPlain: isVideo,
      signal,
      deadlineMs,
      lookup,
    });
    if (filledStatuses.includes(reply.status)) return reply.isEndKnown;
    if (!isRedirect(reply.status) || !reply.location) throw refusedBy(reply.status);
    address = new URL(reply.location, address).href;
  }
  throw new Error(`the download was redirected more than ${maxRedirects} times`);
}

/** By provider, why its last download failed, if an operator can fix that. */
const fetchFaults = new Map<string, string>();

/** The sentence of DOWNLOAD_FAILED. */
export function notFetchedSentence(provider: string): string {
  const why = fetchFaults.get(provider);
  return why
    ? `The video was made, but its file could not be fetched: ${why}. The download is retried automatically, without paying again.`
    : 'The video was made, but its file could not be fetched; the download is retried automatically, and generating again with the same form and image costs nothing.';
}

/** Moves the finished file of a provider on this machine into place, or throws DOWNLOAD_FAILED. */
export async function adoptVideo({ file, attemptId }: { file: string; attemptId: string }): Promise<void> {
  try {
    await moveVideo(file, attemptId, true);
  } catch (error) {
    throw downloadFailed('The local renderer', error);
  }
}

/** Makes a JPEG of the first frame and returns its URL path; null, and logged, when that fails. */
export async function makePoster(attemptId: string): Promise<string | null> {
  const program = ffmpegPath();
  try {
    if (!program) throw new Error('ffmpeg was not found');
    const input = ['-nostdin', '-v', 'error', '-i', videoFile(attemptId)];
    const output = ['-frames:v', '1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'];
    const limits = {
      encoding: 'buffer',
      timeout: posterTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: maxPosterBytes,
    } as const;
    const { stdout } = await promisify(execFile)(program, [...input, ...output], limits);
    const jpeg = await sharp(stdout, imageInput).jpeg({ quality: 82 }).toBuffer();
    const poster = videoFile(attemptId).replace(/\.mp4$/, '.jpg');
    await writeDurably(poster, jpeg, draftOf(poster));
    return videoUrl(attemptId).replace(/\.mp4$/, '.jpg');
  } catch (error) {
    logger.warn('poster not made', { attempt_id: attemptId, error });
    return null;
  }
}

const refusedBy = (status: number): Error =>
  Object.assign(new Error(`the download was answered with status ${status}`), { status });

function downloadFailed(provider: string, cause: unknown): AppError {
  const reason = cause instanceof AppError && cause.cause ? cause.cause : cause;
  const translated = toAppError(reason);
  if (translated.code === 'DISK_FULL') return translated;
  const why = reason instanceof AddressRefusal ? reason.sentence : proxyFaultOf(provider)?.replace(/\.$/, '');
  if (why) fetchFaults.set(provider, why);
  else fetchFaults.delete(provider);
  return new AppError('DOWNLOAD_FAILED', notFetchedSentence(provider), { cause: reason });
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

// Checked before the rename, so that the file in place is always complete.
async function moveVideo(file: string, attemptId: string, isEndKnown: boolean): Promise<void> {
  const target = videoFile(attemptId);
  await moveDurably(file, target, draftOf(target), (handle) => checkWhole(handle, isEndKnown));
}
