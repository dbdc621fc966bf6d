// Phones and cameras save HEIC, which few browsers and no provider can read, and AVIF, which no provider can read: uploads of
// both become a JPEG (a WebP if transparent) that looks the same, upright and with its colour profile.

import path from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { createLimit } from '../utils/queue';

/** What sharp reads from the header of such a file. */
export type HeifHead = { compression?: string; hasAlpha: boolean; icc?: Buffer; pagePrimary?: number };

export type Converted = { bytes: Buffer; format: 'jpeg' | 'webp' };

const quality = 92;
const decoderLimits = { maxBytes: 640 * 1024 ** 2, timeoutMs: 30_000 };
const maxSegmentBytes = 65_519;
const profileName = Buffer.from('ICC_PROFILE\0', 'latin1');

const oneAtOnce = createLimit(1);

/** Whether there is a decoder for the contents of a HEIF file. */
export const isHeifReadable = ({ compression }: HeifHead): boolean => compression === 'av1' || compression === 'hevc';

/** Converts a picture to what browsers and providers can read; throws when it is damaged, or needs too much time or memory. */
export const convertHeif = (bytes: Buffer, head: HeifHead): Promise<Converted> =>
  head.compression === 'hevc' ? oneAtOnce(() => convertHeic(bytes, head)) : convertAvif(bytes, head);

async function convertAvif(bytes: Buffer, { hasAlpha, pagePrimary = 0 }: HeifHead): Promise<Converted> {
  const image = sharp(bytes, { page: pagePrimary, failOn: 'error' })
    .autoOrient()
    .keepIccProfile()
    .timeout({ seconds: decoderLimits.timeoutMs / 1000 });
  return hasAlpha
    ? { bytes: await image.webp({ quality }).toBuffer(), format: 'webp' }
    : {
        bytes: await image.jpeg({ quality, chromaSubsampling: '4:4:4', optimiseCoding: false }).toBuffer(),
        format: 'jpeg',
      };
}

async function convertHeic(bytes: Buffer, { icc }: HeifHead): Promise<Converted> {
  const jpeg = await decodeHeic(bytes);
  return { bytes: icc ? withProfile(jpeg, icc) : jpeg, format: 'jpeg' };
}

/**
 * Decodes a HEIC picture to an upright JPEG without its profile; throws when it is damaged or exceeds the limits of time or
 * memory. A thread per picture keeps the event loop free, and its end frees the decoder's memory.
 */
export async function decodeHeic(bytes: Buffer, { maxBytes, timeoutMs } = decoderLimits): Promise<Buffer> {
  const worker = new Worker(path.join(__dirname, 'heic-worker.js'), {
    workerData: { bytes, quality, maxBytes },
    // What the decoder prints must not reach our output.
    stdout: true,
    stderr: true,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`decoding took more than ${timeoutMs} ms`)), timeoutMs);
      worker.once('message', (jpeg: Uint8Array) => resolve(Buffer.from(jpeg)));
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the decoder ended without a picture')));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** The JPEG with this colour profile, in APP2 segments after its first marker (ICC.1, annex B.4). */
export function withProfile(jpeg: Buffer, icc: Buffer): Buffer {
  const count = Math.ceil(icc.length / maxSegmentBytes);
  if (count > 255) return jpeg;
  const segments = Array.from({ length: count }, (_, index) => {
    const part = icc.subarray(index * maxSegmentBytes, (index + 1) * maxSegmentBytes);
    const head = Buffer.from([0xff, 0xe2, 0, 0]);
    head.writeUInt16BE(2 + profileName.length + 2 + part.length, 2);
    return Buffer.concat([head, profileName, Buffer.from([index + 1, count]), part]);
  });
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}
