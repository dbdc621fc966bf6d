import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { config } from '../config';
import type { AspectRatio } from '../contract';
import { AppError, toAppError } from '../utils/errors';
import { download } from '../utils/http';
import { logger } from '../utils/logger';
import { lookupFor } from '../utils/public-address';

const minSide = 64;
const maxSide = 8192;
const maxPixels = 40_000_000;

const maxVideoBytes = 512 * 1024 * 1024;
const maxRedirects = 3;
const downloadDeadlineMs = 300_000;

const posterTimeoutMs = 30_000;
const maxPosterBytes = 64 * 1024 * 1024;

export type ImageFacts = {
  /** As seen, in pixels: a rotation by EXIF is applied. */
  width: number;
  height: number;
  mime: string;
  ext: 'png' | 'jpg' | 'webp';
};

export type StoredImage = {
  image_path: string;
  image_url: string;
  width: number;
  height: number;
  size: number;
  mime: string;
};

// ---- folders

const folder = (name: 'images' | 'videos' | 'tmp') => path.join(config.UPLOAD_DIR, name);

const temporaryFile = () => path.join(folder('tmp'), randomBytes(16).toString('hex'));

/** Creates `images`, `videos` and `tmp` under UPLOAD_DIR where they are missing. */
export async function makeUploadFolders(): Promise<void> {
  await mkdir(folder('images'), { recursive: true });
  await mkdir(folder('videos'), { recursive: true });
  await mkdir(folder('tmp'), { recursive: true });
}

/** Removes what a killed process left half written; only for the start, before the first upload. */
export async function sweepTmp(): Promise<void> {
  const names = await readdir(folder('tmp'));
  await Promise.all(names.map((name) => rm(path.join(folder('tmp'), name), { recursive: true, force: true })));
}

// ---- pictures

/** Judges a picture by its bytes, never by its name; decodes it once, since a cut file shows only there. Throws the sentence to show. */
export async function inspectImage(bytes: Buffer): Promise<ImageFacts> {
  const kind = kindOf(bytes);
  if (!kind) {
    throw new AppError('UNSUPPORTED_FILE', 'This file is not a PNG, JPEG or WebP picture; send one of these.');
  }

  const { width, height, isAnimated } = await readHeader(bytes);
  const limits = `each side must be ${minSide} to ${maxSide} pixels, and the whole at most ${maxPixels / 1e6} megapixels`;
  if (width > maxSide || height > maxSide || width * height > maxPixels) {
    const message = `The picture is too big (${width} x ${height}): ${limits}; make it smaller and send it again.`;
    throw new AppError('IMAGE_TOO_BIG', message);
  }
  if (width < minSide || height < minSide) {
    const message = `The picture is too small (${width} x ${height}): ${limits}; send a larger one.`;
    throw new AppError('IMAGE_TOO_SMALL', message);
  }
  if (isAnimated || isAnimatedPng(bytes)) {
    throw new AppError('UNSUPPORTED_FILE', 'The picture is animated; send one still picture as PNG, JPEG or WebP.');
  }

  await decodeOnce(bytes);
  return { width, height, ...kind };
}

/** Stores a picture that passes `inspectImage` under a random name; a refused one leaves nothing on the disk. */
export async function storeImage(bytes: Buffer): Promise<StoredImage> {
  const { width, height, mime, ext } = await inspectImage(bytes);
  const name = `${randomBytes(16).toString('hex')}.${ext}`;
  await writeSafely(path.join(folder('images'), name), bytes);
  return {
    image_path: `uploads/images/${name}`,
    image_url: `/uploads/images/${name}`,
    width,
    height,
    size: bytes.length,
    mime,
  };
}

/** Where the picture of an `image_path` is on the disk; never outside the folder of images. */
export const imageFile = (imagePath: string): string => path.join(folder('images'), path.basename(imagePath));

/** What `sharp` may open of a stored picture: no more pixels than an upload may have. */
export const imageInput = { limitInputPixels: maxPixels, failOn: 'error' } as const;

export type JpegWish = {
  aspectRatio?: AspectRatio;
  /** Narrowest and widest ratio (width / height) that the receiver takes. */
  clampRatio?: [number, number];
  longestSide?: number;
  /** Smaller pictures are enlarged to this. */
  shortestSide?: number;
  maxBytes: number;
};

/** A JPEG of a stored picture, upright, cropped around its centre to the wanted ratio; the original is left as it is. */
export async function prepareJpeg(file: string, wish: JpegWish): Promise<Buffer> {
  try {
    const { data, info } = await decodeTo(file, wish);
    const { width, height, channels } = info;
    for (const quality of [90, 82, 74, 66, 58, 50, 42, 34]) {
      const jpeg = await sharp(data, { raw: { width, height, channels } }).jpeg({ quality }).toBuffer();
      if (jpeg.length <= wish.maxBytes) return jpeg;
    }
  } catch (error) {
    const message = 'The picture of this workspace could not be read; upload it again.';
    throw new AppError('IMAGE_UNREADABLE', message, { cause: error });
  }
  const message = `The picture cannot be brought under ${wish.maxBytes} bytes; upload a simpler or smaller one.`;
  throw new AppError('IMAGE_TOO_BIG', message);
}

/** An aspect ratio such as "16:9" as width divided by height. */
export function toNumber(aspectRatio: AspectRatio): number {
  const [width, height] = aspectRatio.split(':').map(Number) as [number, number];
  return width / height;
}

async function decodeTo(file: string, { aspectRatio, clampRatio, longestSide = 2048, shortestSide = 0 }: JpegWish) {
  const picture = sharp(file, imageInput);
  const { width, height } = (await picture.metadata()).autoOrient;
  const [narrowest, widest] = clampRatio ?? [0, Infinity];
  const ratio = Math.min(widest, Math.max(narrowest, aspectRatio ? toNumber(aspectRatio) : width / height));
  const cropWidth = Math.min(width, height * ratio);
  const cropHeight = cropWidth / ratio;
  const enlarged = Math.max(1, shortestSide / Math.min(cropWidth, cropHeight));
  const scale = Math.min(enlarged, longestSide / Math.max(cropWidth, cropHeight));
  return picture
    .autoOrient()
    .resize(Math.round(cropWidth * scale), Math.round(cropHeight * scale), { fit: 'cover' })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
}

function kindOf(bytes: Buffer): Pick<ImageFacts, 'mime' | 'ext'> | null {
  const head = bytes.toString('latin1', 0, 12);
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return { mime: 'image/png', ext: 'png' };
  if (head.startsWith('\xff\xd8\xff')) return { mime: 'image/jpeg', ext: 'jpg' };
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return { mime: 'image/webp', ext: 'webp' };
  return null;
}

// Reads no pixel: a file of 2 MB can hold an image of gigabytes.
async function readHeader(bytes: Buffer) {
  try {
    const { autoOrient, pages } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { ...autoOrient, isAnimated: (pages ?? 1) > 1 };
  } catch (error) {
    throw unreadable(error);
  }
}

// sharp sees a still in an animated PNG; the chunk that makes it move stands before the first pixels.
function isAnimatedPng(bytes: Buffer): boolean {
  const pixels = bytes.indexOf('IDAT');
  return bytes[0] === 0x89 && bytes.subarray(0, Math.max(0, pixels)).includes('acTL');
}

// The small result keeps the memory low: rows are read, averaged and dropped.
async function decodeOnce(bytes: Buffer): Promise<void> {
  try {
    await sharp(bytes, { ...imageInput, sequentialRead: true })
      .resize(minSide, minSide, { fit: 'fill', fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
  } catch (error) {
    throw unreadable(error);
  }
}

const unreadable = (cause: unknown) =>
  new AppError('IMAGE_UNREADABLE', 'The picture is damaged or cut off; save it again and send it once more.', {
    cause,
  });

// ---- videos

/** Where the video of an attempt is on the disk, or will be. */
export const videoFile = (attemptId: string): string => path.join(folder('videos'), `${path.basename(attemptId)}.mp4`);

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
 * Brings a finished video from its provider to `videoFile(attemptId)`, or throws DOWNLOAD_FAILED and leaves nothing.
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
      if (reply.status !== 200) throw new Error(`the download was answered with status ${reply.status}`);
      if (!isVideoType(reply.contentType)) throw new Error(`the download is of type ${reply.contentType}`);
      await moveVideo(file, attemptId);
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
    await moveVideo(file, attemptId);
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
    await writeSafely(videoFile(attemptId).replace(/\.mp4$/, '.jpg'), jpeg);
    return videoUrl(attemptId).replace(/\.mp4$/, '.jpg');
  } catch (error) {
    logger.warn('poster not made', { attempt_id: attemptId, error });
    return null;
  }
}

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

async function moveVideo(file: string, attemptId: string): Promise<void> {
  await checkAndFlush(file);
  const target = videoFile(attemptId);
  try {
    await rename(file, target);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EXDEV') throw error;
    await copyOver(file, target);
  }
  await flushFolder(path.dirname(target));
}

// An mp4 begins with the length of its first box and the name of it, "ftyp".
async function checkAndFlush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const head = Buffer.alloc(8);
    await handle.read(head, 0, head.length, 0);
    if (head.toString('latin1', 4) !== 'ftyp') throw new Error('the file is not an mp4');
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function copyOver(file: string, target: string): Promise<void> {
  const copy = temporaryFile();
  try {
    await copyFile(file, copy);
    await checkAndFlush(copy);
    await rename(copy, target);
  } catch (error) {
    await rm(copy, { force: true });
    throw error;
  }
  await rm(file, { force: true });
}

async function writeSafely(target: string, bytes: Buffer): Promise<void> {
  const file = temporaryFile();
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(file, target);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
  await flushFolder(path.dirname(target));
}

// A rename survives a power cut once its folder is on the disk; Windows cannot open a folder and does not need to.
async function flushFolder(name: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(name, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// ---- ffmpeg

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
