import { mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { findFont } from '../../src/media/fonts';

/** A font that is nothing but a table of characters, in the format of the basic plane or of all. */
function font(format: 4 | 12, first: number, last: number): Buffer {
  const table = format === 12 ? Buffer.alloc(12 + 28) : Buffer.alloc(12 + 16 + 16);
  table.writeUInt16BE(1, 2);
  table.writeUInt32BE(12, 8);
  table.writeUInt16BE(format, 12);
  if (format === 12) {
    table.writeUInt32BE(1, 24);
    table.writeUInt32BE(first, 28);
    table.writeUInt32BE(last, 32);
  } else {
    table.writeUInt16BE(4, 12 + 6);
    table.writeUInt16BE(last, 12 + 14);
    table.writeUInt16BE(0xffff, 12 + 16);
    table.writeUInt16BE(first, 12 + 20);
    table.writeUInt16BE(0xffff, 12 + 22);
  }
  const head = Buffer.alloc(28);
  head.writeUInt16BE(1, 4);
  head.write('cmap', 12, 'latin1');
  head.writeUInt32BE(28, 20);
  head.writeUInt32BE(table.length, 24);
  return Buffer.concat([head, table]);
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'fonts-'));
  await writeFile(path.join(folder, 'Latin.ttf'), font(4, 0x20, 0x7e));
  await writeFile(path.join(folder, 'NotoSansSC-Regular.otf'), font(12, 0x4e00, 0x9fff));
  await writeFile(path.join(folder, 'broken.ttf'), 'no font');
});

test('the font with the most characters of a text is found, and what another one has is not missing', async () => {
  expect(await findFont('海 sea waves', [folder])).toEqual({ file: path.join(folder, 'Latin.ttf'), missing: [] });
  expect(await findFont('海浪', [folder])).toEqual({
    file: path.join(folder, 'NotoSansSC-Regular.otf'),
    missing: [],
  });
});

test('characters that no font has are named, each once', async () => {
  expect((await findFont('sea مم', [folder])).missing).toEqual(['م']);
  expect(await findFont('sea', [path.join(folder, 'nothing')])).toEqual({ file: null, missing: ['s', 'e', 'a'] });
});
