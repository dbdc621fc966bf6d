import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createZip } from '../../src/utils/zip';

jest.setTimeout(300_000);

const gibibyte = 1024 ** 3;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-zip-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a zip of more than 4 GiB is Zip64, and as long as promised', async () => {
  const file = path.join(folder, 'sparse');
  const size = 1.1 * gibibyte;
  await writeFile(file, '');
  await truncate(file, Math.floor(size));
  const entries = [1, 2, 3, 4].map((place) => ({ name: `${place}.mp4`, file, size: Math.floor(size) }));
  const zip = createZip(entries);
  let received = 0;
  let tail = Buffer.alloc(0);
  for await (const chunk of zip.stream) {
    received += (chunk as Buffer).length;
    tail = Buffer.concat([tail, chunk as Buffer]).subarray(-200);
  }
  expect(received).toBe(zip.size);
  expect(received).toBeGreaterThan(4 * gibibyte);
  for (const signature of ['PK\x06\x06', 'PK\x06\x07', 'PK\x05\x06'])
    expect(tail.includes(signature, 0, 'latin1')).toBe(true);
});
