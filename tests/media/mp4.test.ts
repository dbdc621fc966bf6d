import { mkdtempSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { checkBoxes } from '../../src/media/mp4';

const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'boxes-')), 'file.mp4');

const box = (name: string, length = 20, size = length) => {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(size);
  bytes.write(name, 4, 'latin1');
  return bytes;
};
/** A box whose size is told with 64 bits. */
const longBox = (name: string, length: number, size = BigInt(length)) => {
  const bytes = box(name, length, 1);
  bytes.writeBigUInt64BE(size, 8);
  return bytes;
};

async function check(boxes: Buffer[], isEndKnown = false): Promise<string> {
  writeFileSync(file, Buffer.concat(boxes));
  const handle = await open(file);
  return checkBoxes(handle, isEndKnown)
    .then(
      () => 'whole',
      (error: Error) => error.message,
    )
    .finally(() => handle.close());
}

test.each<[string, Buffer[]]>([
  ['moov first', [box('ftyp'), box('moov'), box('mdat')]],
  ['moov last', [box('ftyp'), box('mdat', 5000), box('moov')]],
  ['a size of 64 bits', [box('ftyp'), longBox('mdat', 5000), box('moov')]],
  ['boxes without content', [box('ftyp'), box('free', 8), longBox('mdat', 16), box('moov', 8)]],
  ['free room first', [box('free'), box('ftyp'), box('moov'), box('mdat')]],
  ['no ftyp, as older MOVs', [box('wide', 8), box('mdat', 5000), box('moov')]],
  ['boxes that nobody knows', [box('ftyp'), box('uuid'), box('moov'), box('mdat'), box('\xa9abc')]],
  ['fragments', [box('ftyp'), box('moov'), box('moof'), box('mdat'), box('moof'), box('mdat'), box('mfra')]],
])('takes a file with %s', async (_, boxes) => {
  expect(await check(boxes)).toBe('whole');
});

test.each<[string, Buffer[], RegExp]>([
  ['nothing in it', [], /not an mp4/],
  ['another first box', [box('uuid'), box('ftyp'), box('moov'), box('mdat')], /not an mp4/],
  ['no moov', [box('ftyp'), box('mdat')], /no moov/],
  ['no mdat', [box('ftyp'), box('moov'), box('free')], /no mdat/],
  ['a box that is longer than the file', [box('ftyp'), box('moov'), box('mdat', 20, 21)], /inside the box mdat/],
  ['a box whose size is cut off', [box('ftyp'), box('moov'), box('mdat'), Buffer.alloc(7)], /inside a box/],
  ['a long box whose size is cut off', [box('ftyp'), box('moov'), box('mdat', 12, 1)], /inside a box/],
  ['a box that is shorter than its head', [box('ftyp'), box('moov'), box('mdat', 20, 7)], /size of the box mdat/],
  ['a long box that is shorter than its head', [box('ftyp'), box('moov'), longBox('mdat', 20, 15n)], /size of the box/],
  ['a size beyond all disks', [box('ftyp'), box('moov'), longBox('mdat', 20, 2n ** 64n - 1n)], /inside the box mdat/],
  ['a last box without an end', [box('ftyp'), box('moov'), box('mdat', 20, 0)], /end of the box mdat/],
  [
    'boxes without number',
    [box('ftyp'), box('moov'), box('mdat'), ...Array<Buffer>(10_000).fill(box('free', 8))],
    /many/,
  ],
])('refuses a file with %s', async (_, boxes, reason) => {
  expect(await check(boxes)).toMatch(reason);
});

test.each<[string, Buffer]>([
  ['a few bytes', Buffer.alloc(5, 1)],
  ['zeros', Buffer.alloc(512)],
  ['bytes that are no box', Buffer.from('000000108081828300', 'hex')],
])('takes %s behind the last box where the end of the file is known, and not else', async (_, tail) => {
  const whole = [box('ftyp'), box('moov'), box('mdat')];
  expect(await check([...whole, tail], true)).toBe('whole');
  expect(await check([...whole, tail], false)).not.toBe('whole');
  expect(await check([box('ftyp'), box('moov'), tail], true)).not.toBe('whole');
});

test('takes a last box without an end where the end of the file is known', async () => {
  expect(await check([box('ftyp'), box('moov'), box('mdat', 20, 0)], true)).toBe('whole');
  expect(await check([box('ftyp'), box('mdat', 20, 0), box('moov')], true)).toMatch(/no moov/);
});
