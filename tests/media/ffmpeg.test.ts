import { execFile } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';
import { makeVideo, streamsOf } from '../fixtures/videos';

const root = path.resolve(__dirname, '../..');

/** What a call prints in a process of its own, since ffmpeg is looked for once. */
async function ask(file: string, call: string, environment: Record<string, string>): Promise<string> {
  const script = `Promise.resolve(require('./src/media/${file}').${call}).then((value) => console.log(String(value)))`;
  const options = { env: { ...process.env, ...environment }, cwd: root };
  const { stdout } = await promisify(execFile)(process.execPath, [require.resolve('tsx/cli'), '-e', script], options);
  return stdout.trim();
}

test('a machine without ffmpeg runs the packaged one, and makes posters and playable clips with it', async () => {
  await makeUploadFolders();
  await copyFile(path.join(root, 'tests/fixtures/clip.mp4'), videoFile('packaged'));
  expect(await ask('ffmpeg', 'ffmpegPath()', { PATH: '/nowhere' })).toContain('@ffmpeg-installer');
  await writeFile(videoFile('hevc'), await makeVideo('HEVC'));
  await ask('playable', "makePlayable('hevc', new AbortController().signal)", { PATH: '/nowhere' });
  expect((await streamsOf(videoFile('hevc')))[0]).toMatch(/^Video: h264/);
  const poster = await ask('videos', "makePoster('packaged')", { PATH: '/nowhere' });
  expect(poster).toBe('/uploads/videos/packaged.jpg');
});
