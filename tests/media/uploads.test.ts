import { existsSync, readdirSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import { makeUploadFolders, sweepTmp } from '../../src/media/uploads';

beforeAll(makeUploadFolders);

test('the sweep of a start removes what a killed process left in tmp, and not the work of another one', async () => {
  const kept = path.join(config.UPLOAD_DIR, 'videos/kept.mp4');
  await writeFile(kept, 'a video');
  const inTmp = (name: string) => path.join(config.UPLOAD_DIR, 'tmp', name);
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  await mkdir(inTmp('old-folder'));
  for (const name of ['old-file', 'young-file']) await writeFile(inTmp(name), 'half a video');
  for (const name of ['old-folder', 'old-file']) await utimes(inTmp(name), ago(61), ago(61));
  await utimes(inTmp('young-file'), ago(59), ago(59));
  await sweepTmp();
  expect(readdirSync(path.join(config.UPLOAD_DIR, 'tmp'))).toEqual(['young-file']);
  expect(existsSync(kept)).toBe(true);
});
