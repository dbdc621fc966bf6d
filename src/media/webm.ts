// A WebM is EBML: elements of {id, size, content}; the first byte of an id or a size gives its length (RFC 8794). The header
// comes first, then one Segment with everything else; a Segment whose size is all ones extends to the end of the file.

import type { FileHandle } from 'node:fs/promises';

const headerId = 0x1a45dfa3;
const segmentId = 0x18538067;
/** Padding between top-level elements. */
const voidId = 0xec;
/** An id has at most 4 bytes, a size at most 8. */
const headBytes = 12;

/** Whether a file begins like a WebM or another Matroska file. */
export const isWebm = (head: Buffer): boolean => head.length >= 4 && head.readUInt32BE(0) === headerId;

/**
 * Throws unless a WebM is complete, that is, its Segment ends with the file; reads only the headers of the top-level elements.
 * A Segment without a size is accepted only with `isEndKnown`, when the file cannot be truncated.
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

/** The id, the size (null if unknown) and the start of the content. */
async function readHead(handle: FileHandle, at: number) {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, at);
  const head = buffer.subarray(0, bytesRead);
  const idBytes = lengthOf(head[0], 4);
  const sizeBytes = lengthOf(head[idBytes], 8);
  if (head.length < idBytes + sizeBytes) throw new Error('the WebM is cut off');
  const id = head.readUIntBE(0, idBytes);
  const digits = [...head.subarray(idBytes, idBytes + sizeBytes)];
  digits[0]! &= 0xff >> sizeBytes;
  const isSizeKnown = digits[0] !== 0xff >> sizeBytes || digits.slice(1).some((byte) => byte !== 0xff);
  const size = isSizeKnown ? digits.reduce((sum, byte) => sum * 256 + byte, 0) : null;
  return { id, size, contentAt: at + idBytes + sizeBytes };
}

/** The length of a number in bytes: the position of the first 1 in its first byte. */
function lengthOf(first: number | undefined, most: number): number {
  const length = first ? Math.clz32(first) - 23 : 0;
  if (length < 1 || length > most) throw new Error('the WebM is damaged or cut off');
  return length;
}
