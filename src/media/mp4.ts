// An mp4 is a row of boxes: {size: 4 bytes, name: 4 bytes, content}. Size 1 says that 8 bytes with the size follow the name,
// size 0 that the box goes on to the end of the file. `ftyp` tells the format, and older MOVs have none; `moov` is the index,
// `mdat` the pictures (ISO 14496-12).

import type { FileHandle } from 'node:fs/promises';

const headBytes = 8;
const longHeadBytes = 16;
/** Two for each fragment of a long clip is the most that is met; more would keep the disk busy for nothing. */
const maxBoxes = 10_000;

/** Four characters; \xa9 begins the names of some that tell about the clip. */
const isName = /^[\x20-\x7e\xa9]{4}$/;
/** What an mp4 or a MOV begins with. */
const firstBoxes = ['ftyp', 'styp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot'];

/** Whether a file begins as an mp4 or a MOV does. */
export const isMp4 = (head: Buffer): boolean => firstBoxes.includes(head.toString('latin1', 4, headBytes));

/**
 * Throws unless an mp4 is whole: its boxes add up to the length of the file. Reads the heads of the boxes only.
 * A last box without a size, and bytes behind the last box that are none, count only with `isEndKnown`: when the file cannot
 * have been cut.
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
  // Cut between two boxes: `moov` comes first in files that are made for browsers.
  if (!names.has('mdat')) throw new Error('the mp4 has no mdat');
}

/** Null where the file ends inside the head. */
async function readHead(handle: FileHandle, at: number): Promise<{ name: string; size: number; bytes: number } | null> {
  const { buffer: head, bytesRead } = await handle.read(Buffer.alloc(longHeadBytes), 0, longHeadBytes, at);
  if (bytesRead < headBytes) return null;
  const name = head.toString('latin1', 4, headBytes);
  const short = head.readUInt32BE(0);
  if (short !== 1) return { name, size: short, bytes: headBytes };
  if (bytesRead < longHeadBytes) return null;
  return { name, size: Number(head.readBigUInt64BE(headBytes)), bytes: longHeadBytes };
}
