import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import { makeUploadFolders, sweepTmp, temporaryFile } from '../../src/media/uploads';

beforeAll(makeUploadFolders);

test('the sweep of a start removes what a killed process left in tmp, and nothing else', async () => {
  const kept = path.join(config.UPLOAD_DIR, 'videos/kept.mp4');
  await writeFile(kept, 'a video');
  await writeFile(temporaryFile(), 'half a video');
  await mkdir(path.join(config.UPLOAD_DIR, 'tmp/folder'));
  await sweepTmp();
  expect(readdirSync(path.join(config.UPLOAD_DIR, 'tmp'))).toEqual([]);
  expect(existsSync(kept)).toBe(true);
});
