import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { AppError, toAppError } from '../utils/errors';
import { syncFolder, writeDurably } from '../utils/durable-file';
import { download } from '../utils/http';
import { logger } from '../utils/logger';
import { lookupFor } from '../utils/public-address';
import { ffmpegPath } from './ffmpeg';
import { imageInput } from './images';
import { checkBoxes } from './mp4';
import { remakeUploadFolders, temporaryFile, uploadFolder } from './uploads';

const maxVideoBytes = 512 * 1024 * 1024;
const maxRedirects = 3;
const downloadDeadlineMs = 300_000;

const posterTimeoutMs = 30_000;
const maxPosterBytes = 64 * 1024 * 1024;

/** Where the video of an attempt is on the disk, or will be. */
export const videoFile = (attemptId: string): string =>
  path.join(uploadFolder('videos'), `${path.basename(attemptId)}.mp4`);

/** The address of the video of an attempt, for the browser. */
export const videoUrl = (attemptId: string): string => `/uploads/videos/${path.basename(attemptId)}.mp4`;

/** Whether the video of an attempt is on the disk; it is there whole or not at all. */
export const hasVideo = (attemptId: string): boolean => existsSync(videoFile(attemptId));

export type VideoSource = {
  provider: string;
  url: string;
  attemptId: string;
  signal?: AbortSignal;
  maxBytes?: number;
};

/**
 * Brings a finished video from its provider to `videoFile(attemptId)`, whole, or throws DOWNLOAD_FAILED and leaves nothing;
 * its `cause.status` is the HTTP status where the file host answered with one other than 200.
 * Goes to public https addresses only; outside production also to loopback, if the provider's own link leads there.
 */
export async function fetchVideo({ provider, url, attemptId, signal, maxBytes = maxVideoBytes }: VideoSource) {
  const file = temporaryFile();
  const deadlineMs = downloadDeadlineMs;
  try {
    let address = url;
    for (let hop = 0; hop <= maxRedirects; hop += 1) {
      const lookup = lookupFor(address, url);
      const reply = await download({ provider, url: address, file, maxBytes, signal, deadlineMs, lookup });
      if (isRedirect(reply.status) && reply.location) {
        address = new URL(reply.location, address).href;
        continue;
      }
      if (reply.status !== 200) throw refusedBy(reply.status);
      if (!isVideoType(reply.contentType)) throw new Error(`the download is of type ${reply.contentType}`);
      await moveVideo(file, attemptId, reply.isEndKnown);
      return;
    }
    throw new Error(`the download was redirected more than ${maxRedirects} times`);
  } catch (error) {
    await rm(file, { force: true });
    throw downloadFailed(provider, error);
  }
}

/** Takes over the finished file of a provider that works on this machine, or throws DOWNLOAD_FAILED. */
export async function adoptVideo({ file, attemptId }: { file: string; attemptId: string }): Promise<void> {
  try {
    await moveVideo(file, attemptId, true);
  } catch (error) {
    throw downloadFailed('The local renderer', error);
  }
}

/** Makes a JPEG of the first frame and returns its address; null, with a line in the log, where that fails. */
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
    await writeDurably(videoFile(attemptId).replace(/\.mp4$/, '.jpg'), jpeg, temporaryFile());
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
  const message = `${provider} made the video, but the file could not be fetched; it is asked for again without paying.`;
  return new AppError('DOWNLOAD_FAILED', message, { cause: reason });
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status);

// Object stores send "octet-stream" for what they were given without a type.
function isVideoType(contentType = ''): boolean {
  return /^(|video\/.+|application\/mp4|(application|binary)\/octet-stream)$/i.test(
    (contentType.split(';')[0] ?? '').trim(),
  );
}

// Checked before the rename, so that whatever is at its place is whole.
async function moveVideo(file: string, attemptId: string, isEndKnown: boolean): Promise<void> {
  await checkAndFlush(file, isEndKnown);
  const target = videoFile(attemptId);
  remakeUploadFolders();
  try {
    await rename(file, target);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EXDEV') throw error;
    await copyOver(file, target, isEndKnown);
  }
  await syncFolder(path.dirname(target));
}

async function checkAndFlush(file: string, isEndKnown: boolean): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await checkBoxes(handle, isEndKnown);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function copyOver(file: string, target: string, isEndKnown: boolean): Promise<void> {
  const copy = temporaryFile();
  try {
    await copyFile(file, copy);
    await checkAndFlush(copy, isEndKnown);
    await rename(copy, target);
  } catch (error) {
    await rm(copy, { force: true });
    throw error;
  }
  await rm(file, { force: true });
}
