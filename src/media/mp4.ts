// An mp4 is a row of boxes: {size: 4 bytes, name: 4 bytes, content}. Size 1 says that 8 bytes with the size follow the name,
// size 0 that the box goes on to the end of the file. `ftyp` comes first, `moov` is the index, `mdat` the pictures (ISO 14496-12).

import type { FileHandle } from 'node:fs/promises';

const headBytes = 8;
const longHeadBytes = 16;
/** Two for each fragment of a long clip is the most that is met; more would keep the disk busy for nothing. */
const maxBoxes = 10_000;

/**
 * Throws unless an mp4 is whole: its boxes add up to the length of the file. Reads the heads of the boxes only.
 * A last box without a size counts only with `isEndKnown`: when the file cannot have been cut.
 */
export async function checkBoxes(handle: FileHandle, isEndKnown: boolean): Promise<void> {
  const { size: fileBytes } = await handle.stat();
  const names = new Set<string>();
  let at = 0;
  for (let count = 0; at < fileBytes; count += 1) {
    if (count === maxBoxes) throw new Error(`the mp4 has too many boxes: more than ${maxBoxes}`);
    const { name, size } = await readHead(handle, at);
    if (at === 0 && name !== 'ftyp') throw new Error('the file is not an mp4');
    if (size === 0 && !isEndKnown) throw new Error(`the end of the box ${name} is not known`);
    names.add(name);
    at = size === 0 ? fileBytes : at + size;
    if (at > fileBytes) throw new Error(`the mp4 ends inside the box ${name}`);
  }

  if (!names.has('ftyp')) throw new Error('the file is not an mp4');
  if (!names.has('moov')) throw new Error('the mp4 has no moov');
  // Cut between two boxes: `moov` comes first in files that are made for browsers.
  if (!names.has('mdat')) throw new Error('the mp4 has no mdat');
}

async function readHead(handle: FileHandle, at: number): Promise<{ name: string; size: number }> {
  const { buffer: head, bytesRead } = await handle.read(Buffer.alloc(longHeadBytes), 0, longHeadBytes, at);
  if (bytesRead < headBytes) throw new Error('the mp4 ends inside a box');
  const name = head.toString('latin1', 4, headBytes);
  const short = head.readUInt32BE(0);
  if (short === 1 && bytesRead < longHeadBytes) throw new Error('the mp4 ends inside a box');
  const size = short === 1 ? Number(head.readBigUInt64BE(headBytes)) : short;
  const smallest = short === 1 ? longHeadBytes : headBytes;
  if (short !== 0 && size < smallest) throw new Error(`the size of the box ${name} makes no sense`);
  return { name, size };
}
