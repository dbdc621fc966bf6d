import type { Request } from 'express';
import multer from 'multer';
import { z } from 'zod';
import { config } from '../config';
import { imagePath, imageUrl } from '../contract';
import { storeImage } from '../media/images';
import { defineEndpoint } from '../utils/define';
import { AppError } from '../utils/errors';
import { createLimit } from '../utils/queue';

const uploadsAtOnce = 4;

// With Multer's own defaults a field name of 200 bytes can keep the process busy for half a minute.
const receive = multer({
  storage: multer.memoryStorage(),
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

/** Takes one picture, judged by its bytes; nothing is left on the disk when it is refused. */
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
  handle: ({ request, signal }) => limited(async () => storeImage(await readFile(request, signal))),
});

function readFile(request: Request, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Multer never calls back for a request that ended while it waited for its turn, and the turn would be lost.
    if (signal.aborted) return reject(unreadable(signal.reason));
    signal.addEventListener('abort', () => reject(unreadable(signal.reason)), { once: true });
    receive(request, request.res!, (error: unknown) => {
      if (error) return reject(error instanceof multer.MulterError ? error : unreadable(error));
      if (request.file) return resolve(request.file.buffer);
      reject(
        new AppError(
          'INVALID_INPUT',
          'The upload has no file; send multipart/form-data with the picture in the field "image".',
        ),
      );
    });
  });
}

const unreadable = (cause: unknown) =>
  new AppError('INVALID_INPUT', 'The upload broke off or is not well-formed multipart/form-data; send it again.', {
    cause,
  });
