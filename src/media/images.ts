import { randomBytes } from 'node:crypto';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { AspectRatio } from '../contract/form';
import { AppError } from '../utils/errors';
import { writeDurably } from '../utils/durable-file';
import { createLimit } from '../utils/queue';
import { convertHeif, isHeifReadable, type HeifHead } from './heif';
import { sniffType } from './image-type';
import { draftOf, uploadFolder } from './uploads';

const minSide = 64;
const maxSide = 8192;
const maxPixels = 40_000_000;
const bigPixels = 16_000_000;
const jpegEnd = Buffer.from([0xff, 0xd9]);
const acceptedFormats = 'PNG, JPEG, WebP, AVIF or HEIC';

// No picture is opened twice in a row, so a cache would only use memory.
sharp.cache(false);
const oneBigAtOnce = createLimit(1);

export type ImageFacts = {
  /** The bytes to store: the file itself, or for AVIF and HEIC a JPEG or WebP that looks the same. */
  bytes: Buffer;
  /** In pixels, after EXIF rotation. */
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

/** Checks a picture by its bytes, never by its name, and decodes it once to detect truncation; throws the sentence to show. */
export async function inspectImage(bytes: Buffer): Promise<ImageFacts> {
  const kind = sniffType(bytes);
  if (!kind) {
    throw new AppError('UNSUPPORTED_FILE', `This file is not a ${acceptedFormats} picture; send one of these.`);
  }

  if (kind.isAnimated) throw animated();
  const read = await readHeader(bytes);
  // Sharp mistakes the first brand for the codec.
  const head = { ...read, compression: kind.compression ?? read.compression };
  const { width, height } = head.autoOrient;
  const limits = `each side must be ${minSide} to ${maxSide} pixels, and the whole at most ${maxPixels / 1e6} megapixels`;
  if (width > maxSide || height > maxSide || width * height > maxPixels) {
    const message = `The picture is too big (${width} x ${height}): ${limits}; make it smaller and send it again.`;
    throw new AppError('IMAGE_TOO_BIG', message);
  }
  if (width < minSide || height < minSide) {
    const message = `The picture is too small (${width} x ${height}): ${limits}; send a larger one.`;
    throw new AppError('IMAGE_TOO_SMALL', message);
  }
  // A HEIC file may contain several stills, one of which is the primary one.
  if (kind.format !== 'heif' && (head.pages ?? 1) > 1) throw animated();
  if (kind.format === 'heif' && !isHeifReadable(head)) {
    const message = `This HEIF picture contains "${head.compression}", which cannot be read here; send it as JPEG.`;
    throw new AppError('UNSUPPORTED_FILE', message);
  }

  const { bytes: stored, format } = await decodeOnce(bytes, kind.format, head);
  return { bytes: stored, width, height, mime: `image/${format}`, ext: format === 'jpeg' ? 'jpg' : format };
}

/** Stores a picture that passes `inspectImage` under a random name; a rejected one leaves nothing on the disk. */
export async function storeImage(bytes: Buffer): Promise<StoredImage> {
  const { bytes: stored, width, height, mime, ext } = await inspectImage(bytes);
  return { ...(await storePicture(stored, ext)), width, height, size: stored.length, mime };
}

/** Stores the bytes of a picture that is known to be one under a random name. */
export async function storePicture(
  bytes: Buffer,
  ext: ImageFacts['ext'],
): Promise<Pick<StoredImage, 'image_path' | 'image_url'>> {
  const name = `${randomBytes(16).toString('hex')}.${ext}`;
  const file = path.join(uploadFolder('images'), name);
  await writeDurably(file, bytes, draftOf(file));
  return { image_path: `uploads/images/${name}`, image_url: `/uploads/images/${name}` };
}

/** The size of a stored picture as it is shown, without decoding it. */
export async function sizeOfImage(file: string): Promise<{ width: number; height: number }> {
  const { autoOrient } = await sharp(file, imageInput).metadata();
  return autoOrient;
}

/** The file of an `image_path`, never outside the folder of images. */
export const imageFile = (imagePath: string): string => path.join(uploadFolder('images'), path.basename(imagePath));

/** Options for opening a stored picture with sharp: no more pixels than an upload may have. */
export const imageInput = { limitInputPixels: maxPixels, failOn: 'error' } as const;

export type JpegOptions = {
  aspectRatio?: AspectRatio;
  /** Narrowest and widest ratio (width / height) that the receiver accepts. */
  clampRatio?: [number, number];
  longestSide?: number;
  /** Smaller pictures are enlarged to this. */
  shortestSide?: number;
  maxBytes: number;
};

type Opened = { image: Sharp; width: number; height: number };

/**
 * Passes a stored picture to `work` as a colour-managed viewer shows it: upright, on white, in sRGB. Only one picture over
 * 16 megapixels is open at a time in the whole process.
 */
export async function withImage<Result>(file: string, work: (opened: Opened) => Promise<Result>): Promise<Result> {
  const { autoOrient, hasProfile, space } = await sharp(file, imageInput).metadata();
  return decoding(autoOrient, async () => {
    // Sharp applies the profile of 8-bit greys, but ignores that of 16-bit ones.
    const isGrey16 = hasProfile && space === 'grey16';
    const input = isGrey16 ? await sharp(file, imageInput).keepMetadata().toColourspace('b-w').png().toBuffer() : file;
    const image = sharp(input, imageInput).autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
    // Sharp converts 16 bits with a profile to Display P3, and only naming sRGB as output corrects that; without a profile it would be wrong.
    if (hasProfile && !isGrey16) image.withIccProfile('srgb', { attach: false });
    return work({ image, ...autoOrient });
  });
}

const decoding = <Result>({ width, height }: { width: number; height: number }, work: () => Promise<Result>) =>
  width * height > bigPixels ? oneBigAtOnce(work) : work();

/** A JPEG of a stored picture, upright and cropped around its centre to the requested ratio; the original stays unchanged. */
export async function prepareJpeg(file: string, options: JpegOptions): Promise<Buffer> {
  try {
    const { data, info } = await decodeTo(file, options);
    const { width, height, channels } = info;
    for (const quality of [90, 82, 74, 66, 58, 50, 42, 34]) {
      const jpeg = await sharp(data, { raw: { width, height, channels } }).jpeg({ quality }).toBuffer();
      if (jpeg.length <= options.maxBytes) return jpeg;
    }
  } catch (error) {
    const message = 'The picture of this workspace could not be read; upload it again.';
    throw new AppError('IMAGE_UNREADABLE', message, { cause: error });
  }
  const message = `The picture cannot be reduced to ${options.maxBytes} bytes; upload a simpler or smaller one.`;
  throw new AppError('IMAGE_TOO_BIG', message);
}

/** An aspect ratio such as "16:9" as width divided by height. */
function toNumber(aspectRatio: AspectRatio): number {
  const [width, height] = aspectRatio.split(':').map(Number) as [number, number];
  return width / height;
}

const decodeTo = (file: string, options: JpegOptions) =>
  withImage(file, ({ image, width, height }) => {
    const { aspectRatio, clampRatio, longestSide = 2048, shortestSide = 0 } = options;
    const [narrowest, widest] = clampRatio ?? [0, Infinity];
    const ratio = Math.min(widest, Math.max(narrowest, aspectRatio ? toNumber(aspectRatio) : width / height));
    const cropWidth = Math.min(width, height * ratio);
    const cropHeight = cropWidth / ratio;
    const enlarged = Math.max(1, shortestSide / Math.min(cropWidth, cropHeight));
    const scale = Math.min(enlarged, longestSide / Math.max(cropWidth, cropHeight));
    return image
      .resize(Math.round(cropWidth * scale), Math.round(cropHeight * scale), { fit: 'cover' })
      .raw()
      .toBuffer({ resolveWithObject: true });
  });

// Decodes no pixels, since a 2 MB file can contain an image of gigabytes.
async function readHeader(bytes: Buffer) {
  try {
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw unreadable(error);
  }
}

type Format = 'png' | 'jpeg' | 'webp';
type Head = HeifHead & { autoOrient: { width: number; height: number } };

type Decoded = { bytes: Buffer; format: Format };

async function decodeOnce(bytes: Buffer, format: Format | 'heif', head: Head): Promise<Decoded> {
  try {
    return await decoding(head.autoOrient, async () => {
      if (format === 'heif') return convertHeif(bytes, head);
      return { bytes: format === 'jpeg' ? await readJpeg(bytes) : await readRows(bytes, 'error'), format };
    });
  } catch (error) {
    throw unreadable(error);
  }
}

// Some programs omit the end marker. With it added, a complete picture decodes without a warning, a truncated one does not.
const readJpeg = (bytes: Buffer) =>
  readRows(bytes, 'error').catch(() => readRows(Buffer.concat([bytes, jpegEnd]), 'warning'));

// The small output keeps memory use low: rows are read, averaged and dropped.
async function readRows(bytes: Buffer, failOn: 'error' | 'warning'): Promise<Buffer> {
  await sharp(bytes, { ...imageInput, failOn, sequentialRead: true })
    .resize(minSide, minSide, { fit: 'fill', fastShrinkOnLoad: false })
    .raw()
    .toBuffer();
  return bytes;
}

const animated = () =>
  new AppError('UNSUPPORTED_FILE', `The picture is animated; send one still picture as ${acceptedFormats}.`);

const unreadable = (cause: unknown) =>
  new AppError('IMAGE_UNREADABLE', 'The picture is damaged or incomplete; save it again and upload the new file.', {
    cause,
  });
