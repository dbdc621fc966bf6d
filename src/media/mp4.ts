// An mp4 is a sequence of boxes: {size: 4 bytes, name: 4 bytes, content}. Size 1 means that 8 bytes with the size follow the
// name, size 0 that the box extends to the end of the file. `ftyp` names the format, and older MOVs lack it; `moov` is the
// index, `mdat` the media (ISO 14496-12).

import type { FileHandle } from 'node:fs/promises';

const headBytes = 8;
const longHeadBytes = 16;
/** Long clips have at most two boxes per fragment; reading more would keep the disk busy for nothing. */
const maxBoxes = 10_000;

/** Four characters; the names of some metadata boxes begin with \xa9. */
const isName = /^[\x20-\x7e\xa9]{4}$/;
/** The possible first boxes of an mp4 or a MOV. */
const firstBoxes = ['ftyp', 'styp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot'];

/** Whether a file begins like an mp4 or a MOV. */
export const isMp4 = (head: Buffer): boolean => firstBoxes.includes(head.toString('latin1', 4, headBytes));

/**
 * Throws unless an mp4 is complete, that is, its boxes add up to the length of the file; reads only the box headers.
 * A last box without a size, or trailing bytes that are not a box, are accepted only with `isEndKnown`, when the file cannot
 * be truncated.
 */
export async function checkBoxes(handle: FileHandle, isEndKnown: boolean): Promise<void> {
  const { size: fileBytes } = await handle.stat();
  const names = new Set<string>();
  let at = 0;
  for (let count = 0; at < fileBytes; count += 1) {
    if (count === maxBoxes) throw new Error(`the mp4 has too many boxes: more than ${maxBoxes}`);
    const head = await readHead(handle, at);
    if (at === 0 && !firstBoxes.includes(head?.name ?? '')) throw new Error('the file is not an mp4');
    if (!head || !isName.test(head.name)) {
      if (isEndKnown && names.has('moov') && names.has('mdat')) return;
      throw new Error(head ? 'the mp4 has a box without a name' : 'the mp4 ends inside a box');
    }
    const { name, size } = head;
    if (size === 0 && !isEndKnown) throw new Error(`the end of the box ${name} is not known`);
    if (size !== 0 && size < head.bytes) throw new Error(`the size of the box ${name} makes no sense`);
    at = size === 0 ? fileBytes : at + size;
    if (at > fileBytes) throw new Error(`the mp4 ends inside the box ${name}`);
    names.add(name);
  }

  if (names.size === 0) throw new Error('the file is not an mp4');
  if (!names.has('moov')) throw new Error('the mp4 has no moov');
  // Truncated between two boxes: in files made for browsers, `moov` comes first.
  if (!names.has('mdat')) throw new Error('the mp4 has no mdat');
}

/** The header of the box; null when the file ends inside it. */
async function readHead(handle: FileHandle, at: number): Promise<{ name: string; size: number; bytes: number } | null> {
  const { buffer: head, bytesRead } = await handle.read(Buffer.alloc(longHeadBytes), 0, longHeadBytes, at);
  if (bytesRead < headBytes) return null;
  const name = head.toString('latin1', 4, headBytes);
  const short = head.readUInt32BE(0);
  if (short !== 1) return { name, size: short, bytes: headBytes };
  if (bytesRead < longHeadBytes) return null;
  return { name, size: Number(head.readBigUInt64BE(headBytes)), bytes: longHeadBytes };
}
