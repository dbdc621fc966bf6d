import type { FileHandle } from 'node:fs/promises';
import { checkBoxes, isMp4 } from './mp4';
import { checkSegment, isWebm } from './webm';

const headBytes = 64;

/** Whether a file begins like a video of an accepted format. */
export const isVideo = (head: Buffer): boolean => isMp4(head) || isWebm(head);

/**
 * Throws unless a file is a complete mp4, MOV or WebM by its bytes, whatever its name.
 * `isEndKnown` means that it cannot be truncated.
 */
export async function checkWhole(handle: FileHandle, isEndKnown: boolean): Promise<void> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  const head = buffer.subarray(0, bytesRead);
  if (head.length === 0) throw new Error('the file is empty');
  if (isText(head)) throw new Error('the file host sent a page or text instead of a video');
  return isWebm(head) ? checkSegment(handle, isEndKnown) : checkBoxes(handle, isEndKnown);
}

/** Every video has bytes near its beginning that text never has. */
const isText = (head: Buffer): boolean => head.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
