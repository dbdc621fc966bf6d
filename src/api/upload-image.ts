import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { config } from '../config';
import { imagePath, imageUrl } from '../contract/workspace';
import { storeImage } from '../media/images';
import { createReceiver } from '../media/receive-file';
import { defineEndpoint } from '../utils/endpoint';
import { createLimit } from '../utils/queue';

const uploadsAtOnce = 4;

const withFile = createReceiver({ field: 'image', maxBytes: config.UPLOAD_MAX_BYTES, noun: 'picture' });
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
  handle: ({ request, signal }) =>
    // Received outside the limit, so that slow senders do not block others.
    withFile(request, signal, (file) => limited(async () => storeImage(await takeBytes(file)))),
});

/** Reads a file and removes it, so that the picture itself still fits on a nearly full disk. */
async function takeBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } finally {
    await rm(file, { force: true });
  }
}
