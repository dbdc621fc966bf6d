process.env.RUNWAY_BASE_URL = 'http://127.0.0.1:9';

import { existsSync, readFileSync, watch } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { config } from '../../src/config';
import { deliver } from '../../src/generation/deliver';
import { makeUploadFolders, uploadFolder } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';
import type { Checked } from '../../src/services/provider';
import { makeVideo, streamsOf, type VideoKind } from '../fixtures/videos';
import { fakeProvider, newAttempt, resultOf, storedOf } from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

jest.setTimeout(60_000);

let host: http.Server;
let bytes: Buffer;

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
  host = http.createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end(bytes));
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  host.closeAllConnections();
  host.close();
});

async function madeAttempt(kind: VideoKind) {
  bytes = await makeVideo(kind);
  const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/`;
  const check: Checked = { state: 'completed', url };
  const provider = fakeProvider({ name: 'runway', check });
  return { provider, attempt: await newAttempt({ provider: 'runway', state: 'downloading' }) };
}

const originalOf = (attemptId: string, ext: string) =>
  path.join(config.UPLOAD_DIR, 'videos', `${attemptId}.original.${ext}`);

test.each([
  ['VP9 and Opus in WebM', 'webm'],
  ['HEVC', 'mp4'],
] as const)('a clip of %s is completed as one that a browser plays', async (kind, ext) => {
  const { attempt, provider } = await madeAttempt(kind);
  expect(await deliver(attempt, provider)).toBeNull();
  const { attempt_id: attemptId } = attempt.job;
  expect((await storedOf(attempt)).video).toMatchObject({
    status: 'completed',
    url: `/uploads/videos/${attemptId}.mp4`,
    poster_url: `/uploads/videos/${attemptId}.jpg`,
  });
  expect((await streamsOf(videoFile(attemptId)))[0]).toMatch(/^Video: h264/);
  expect(readFileSync(originalOf(attemptId, ext))).toEqual(bytes);
});

test('a stop while a clip is made playable leaves the attempt, and the next start goes on without the provider', async () => {
  const { attempt, provider } = await madeAttempt('long MPEG-4');
  const { attempt_id: attemptId } = attempt.job;
  const watcher = watch(uploadFolder('videos'), () => existsSync(videoFile(attemptId)) && attempt.stop.abort());
  await expect(deliver(attempt, provider)).rejects.toThrow();
  watcher.close();
  expect(await resultOf(attempt)).toMatchObject({ job: 'downloading', video: 'mine generating downloading' });
  expect(existsSync(originalOf(attemptId, 'mp4'))).toBe(false);

  const asked = provider.calls.check;
  attempt.stop = new AbortController();
  expect(await deliver(attempt, provider)).toBeNull();
  expect(provider.calls.check).toBe(asked);
  expect(await resultOf(attempt)).toMatchObject({ video: 'mine completed' });
  expect(readFileSync(originalOf(attemptId, 'mp4')).equals(bytes)).toBe(true);
});
