// A WebM is EBML: elements of {id, size, content}, where id and size are numbers whose first byte tells their length (RFC 8794).
// The header comes first, then one Segment with everything else; a Segment whose size is all ones goes on to the end of the file.

import type { FileHandle } from 'node:fs/promises';

const headerId = 0x1a45dfa3;
const segmentId = 0x18538067;
/** Between the elements at the top: nothing but room. */
const voidId = 0xec;
/** An id has 4 bytes at most, a size 8. */
const headBytes = 12;

/** Whether a file begins as a WebM does, or as any other Matroska. */
export const isWebm = (head: Buffer): boolean => head.length >= 4 && head.readUInt32BE(0) === headerId;

/**
 * Throws unless a WebM is whole: its Segment ends with the file. Reads the heads of two elements only.
 * A Segment without a size counts only with `isEndKnown`: when the file cannot have been cut.
 */
export async function checkSegment(handle: FileHandle, isEndKnown: boolean): Promise<void> {
  const { size: fileBytes } = await handle.stat();
  let at = 0;
  for (let isFirst = true; ; isFirst = false) {
    const { id, size, contentAt } = await readHead(handle, at);
    if (isFirst !== (id === headerId)) throw new Error('the file is not a WebM');
    if (id !== segmentId && id !== headerId && id !== voidId) throw new Error('the WebM has no Segment');
    if (size === null && (id !== segmentId || !isEndKnown)) throw new Error('the end of the WebM is not known');
    at = size === null ? fileBytes : contentAt + size;
    if (at > fileBytes) throw new Error('the WebM is cut off');
    if (id === segmentId) break;
  }
}

/** The id, the size (null where it is not told) and where the content begins. */
async function readHead(handle: FileHandle, at: number) {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, at);
  const head = buffer.subarray(0, bytesRead);
  const idBytes = lengthOf(head[0], 4);
  const sizeBytes = lengthOf(head[idBytes], 8);
  if (head.length < idBytes + sizeBytes) throw new Error('the WebM is cut off');
  const id = head.readUIntBE(0, idBytes);
  const digits = [...head.subarray(idBytes, idBytes + sizeBytes)];
  digits[0]! &= 0xff >> sizeBytes;
  const isTold = digits[0] !== 0xff >> sizeBytes || digits.slice(1).some((byte) => byte !== 0xff);
  const size = isTold ? digits.reduce((sum, byte) => sum * 256 + byte, 0) : null;
  return { id, size, contentAt: at + idBytes + sizeBytes };
}

/** How many bytes a number has: the place of the first 1 in its first byte. */
function lengthOf(first: number | undefined, most: number): number {
  const length = first ? Math.clz32(first) - 23 : 0;
  if (length < 1 || length > most) throw new Error('the WebM is damaged or cut off');
  return length;
}
