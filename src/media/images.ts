import { randomBytes } from 'node:crypto';
import path from 'node:path';
import sharp from 'sharp';
import type { AspectRatio } from '../contract';
import { AppError } from '../utils/errors';
import { writeDurably } from '../utils/durable-file';
import { temporaryFile, uploadFolder } from './uploads';

const minSide = 64;
const maxSide = 8192;
const maxPixels = 40_000_000;

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
  await writeDurably(path.join(uploadFolder('images'), name), bytes, temporaryFile());
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
export const imageFile = (imagePath: string): string => path.join(uploadFolder('images'), path.basename(imagePath));

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
