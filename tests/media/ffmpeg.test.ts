import { execFile } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';

const root = path.resolve(__dirname, '../..');

/** What a call prints in a process of its own, since ffmpeg is looked for once. */
async function ask(file: string, call: string, environment: Record<string, string>): Promise<string> {
  const script = `Promise.resolve(require('./src/media/${file}').${call}).then((value) => console.log(String(value)))`;
  const options = { env: { ...process.env, ...environment }, cwd: root };
  const { stdout } = await promisify(execFile)(process.execPath, [require.resolve('tsx/cli'), '-e', script], options);
  return stdout.trim();
}

test('a machine without ffmpeg runs the packaged one, and makes posters with it', async () => {
  await makeUploadFolders();
  await copyFile(path.join(root, 'tests/fixtures/clip.mp4'), videoFile('packaged'));
  expect(await ask('ffmpeg', 'ffmpegPath()', { PATH: '/nowhere' })).toContain('@ffmpeg-installer');
  const poster = await ask('videos', "makePoster('packaged')", { PATH: '/nowhere' });
  expect(poster).toBe('/uploads/videos/packaged.jpg');
});
