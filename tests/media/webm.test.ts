import { mkdtempSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { checkWhole } from '../../src/media/container';
import { makeVideo } from '../fixtures/videos';

const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'webm-')), 'file.webm');

async function check(bytes: Buffer, isEndKnown = false): Promise<string> {
  writeFileSync(file, bytes);
  const handle = await open(file);
  return checkWhole(handle, isEndKnown)
    .then(
      () => 'whole',
      (error: Error) => error.message,
    )
    .finally(() => handle.close());
}

const header = Buffer.from('1a45dfa3841234abcd', 'hex');
const segment = (size: string, content = 20) =>
  Buffer.concat([header, Buffer.from(`18538067${size}`, 'hex'), Buffer.alloc(content)]);

test('takes a WebM of a real encoder, and none of its beginnings', async () => {
  const bytes = await makeVideo('VP8 in WebM');
  expect(await check(bytes)).toBe('whole');
  for (const length of [4, 5, 20, 40, 50, 500, bytes.length - 1]) {
    expect(await check(bytes.subarray(0, length), true)).toMatch(/cut off|not an mp4|no Segment/);
  }
});

test.each([
  ['a size of one byte', segment('94')],
  ['a size of eight bytes', segment('0100000000000014')],
  ['room before its Segment', Buffer.concat([header, Buffer.from('ec82aaaa', 'hex'), segment('94').subarray(9)])],
])('takes a WebM with %s', async (_, bytes) => {
  expect(await check(bytes)).toBe('whole');
});

test.each(['ff', '01ffffffffffffff'])(
  'takes a Segment without a size (%s) only where the end is known',
  async (size) => {
    expect(await check(segment(size), true)).toBe('whole');
    expect(await check(segment(size), false)).toMatch(/end of the WebM is not known/);
  },
);

test.each([
  ['a Segment that is longer than the file', segment('95'), /cut off/],
  ['a size that makes no sense', segment('00'), /damaged or cut off/],
  ['something else than a Segment', Buffer.concat([header, Buffer.from('1549a96680', 'hex')]), /no Segment/],
  ['a second header', Buffer.concat([header, header]), /not a WebM/],
])('refuses a WebM with %s', async (_, bytes, expected) => {
  expect(await check(bytes, true)).toMatch(expected);
});
