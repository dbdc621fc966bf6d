import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Request } from 'express';
import multer from 'multer';
import { z } from 'zod';
import { config } from '../config';
import { imagePath, imageUrl } from '../contract/workspace';
import { storeImage } from '../media/images';
import { temporaryFile } from '../media/uploads';
import { defineEndpoint } from '../utils/endpoint';
import { AppError } from '../utils/errors';
import { createLimit } from '../utils/queue';

const uploadsAtOnce = 4;
/** How long an upload may stall. */
const stallTimeoutMs = 10_000;

// With Multer's default limits, a field name of 200 bytes can block the process for half a minute.
const receive = multer({
  // On disk, since many may arrive at once; Multer gives each a random name.
  storage: multer.diskStorage({
    destination: (_request, _file, callback) => callback(null, path.dirname(temporaryFile())),
  }),
  defParamCharset: 'utf8',
  limits: {
    fileSize: config.UPLOAD_MAX_BYTES,
    files: 1,
    fields: 0,
    fieldSize: 1024,
    fieldNameSize: 100,
    parts: 2,
    headerPairs: 32,
    fieldNestingDepth: 0,
    fieldArrayIndexLimit: 0,
  },
}).single('image');

const limited = createLimit(uploadsAtOnce);

/** Stores one uploaded picture, checked by its bytes; a rejected one leaves nothing on the disk. */
export const uploadImage = defineEndpoint({
  method: 'post',
  path: '/api/upload/image',
  summary: 'Uploads one picture: PNG, JPEG, WebP, AVIF or HEIC, each side 64 to 8192 px, at most 40 megapixels.',
  file: 'image',
  reply: z.strictObject({
    image_path: imagePath,
    image_url: imageUrl,
    width: z.int(),
    height: z.int(),
    size: z.int(),
    mime: z.string(),
  }),
  status: 201,
  errors: [
    'INVALID_INPUT',
    'FILE_TOO_LARGE',
    'UNSUPPORTED_FILE',
    'IMAGE_UNREADABLE',
    'IMAGE_TOO_BIG',
    'IMAGE_TOO_SMALL',
    'DISK_FULL',
  ],
  handle: async ({ request, signal }) => {
    // Received outside the limit, so that slow senders do not block others.
    const file = await receiveFile(request, signal);
    return limited(async () => storeImage(await takeBytes(file)));
  },
});

/** Reads a file and removes it, so that the picture itself still fits on a nearly full disk. */
async function takeBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } finally {
    await rm(file, { force: true });
  }
}

function receiveFile(request: Request, signal: AbortSignal): Promise<string> {
  const received = new Promise<string>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(unreadable(signal.reason)), { once: true });
    request.setTimeout(stallTimeoutMs, () => {
      // Once the request is destroyed, Multer removes the partial file.
      request.res!.once('finish', () => request.destroy());
      reject(stalled());
    });
    receive(request, request.res!, (error: unknown) => {
      if (error) return reject(isOurs(error) ? (error as Error) : unreadable(error));
      if (request.file) return resolve(request.file.path);
      reject(
        new AppError(
          'INVALID_INPUT',
          'The upload has no file; send multipart/form-data with the picture in the field "image".',
        ),
      );
    });
  });
  return received.finally(() => request.setTimeout(0));
}

/** Whether the error comes from Multer's limits or the disk, which have their own sentences. */
const isOurs = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).code === 'string';

const unreadable = (cause: unknown) =>
  new AppError('INVALID_INPUT', 'The upload broke off or is not well-formed multipart/form-data; send it again.', {
    cause,
  });

const stalled = () =>
  new AppError('INVALID_INPUT', 'The upload stalled for 10 seconds; send it again.', {
    headers: { Connection: 'close' },
  });
