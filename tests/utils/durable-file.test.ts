import { mkdtemp, open, readdir, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { moveDurably, syncFolder, writeDurably } from '../../src/utils/durable-file';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-durable-'));
});

afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** From now on the system refuses to flush folders, and flushes files as before. */
async function refuseFlushing(code: string): Promise<void> {
  const handle = await open(folder, 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const sync = Reflect.get<FileHandle, 'sync'>(prototype, 'sync');
  jest.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    if ((await this.stat()).isDirectory()) throw Object.assign(new Error(`${code}: fsync`), { code });
    await sync.call(this);
  });
}

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a folder of a file system that flushes none is no error', async () => {
  await syncFolder('/proc');
});

test.each(['EINVAL', 'EPERM', 'ENOTSUP'])(
  'a file is written where flushing its folder is refused with %s',
  async (code) => {
    await refuseFlushing(code);
    await writeDurably(path.join(folder, 'note.json'), '{}');
    expect(await readFile(path.join(folder, 'note.json'), 'utf8')).toBe('{}');
    expect(await readdir(folder)).toEqual(['note.json']);
  },
);

test('a disk that fails while the folder is flushed is an error', async () => {
  await refuseFlushing('EIO');
  await expect(writeDurably(path.join(folder, 'note.json'), '{}')).rejects.toThrow('EIO');
});

onLinux.each([
  ['the same disk', os.tmpdir()],
  ['another disk', '/dev/shm'],
])('a file is moved from %s, and nothing else is left', async (_, disk) => {
  const other = await mkdtemp(path.join(disk, 'video-maker-durable-'));
  await writeFile(path.join(other, 'received'), 'sound');
  await moveDurably(path.join(other, 'received'), path.join(folder, 'music.mp3'), path.join(folder, '.draft'));
  expect(await readFile(path.join(folder, 'music.mp3'), 'utf8')).toBe('sound');
  expect([await readdir(folder), await readdir(other)]).toEqual([['music.mp3'], []]);
  await rm(other, { recursive: true });
});
