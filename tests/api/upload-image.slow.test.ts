import { readFileSync } from 'node:fs';
import path from 'node:path';
import { blank } from '../fixtures/pictures';
import { startServer, type TestServer } from '../helpers/server';

const heic = readFileSync(path.resolve(__dirname, '../fixtures/forty-megapixels.heic'));
const onLinux = process.platform === 'linux' ? test : test.skip;

let server: TestServer;

beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.stop());

/** The most that the server ever held, in MB. */
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))![1]) / 1024;

describe('four pictures of 40 megapixels at once', () => {
  // PM2 restarts the server at 1 GB.
  onLinux.each<[string, () => Promise<Buffer>, string, number]>([
    ['WebP', () => blank(8000, 5000).webp().toBuffer(), 'image/webp', 600],
    ['PNG', () => blank(8000, 5000).png().toBuffer(), 'image/png', 600],
    ['AVIF', () => blank(8000, 5000).avif({ effort: 0 }).toBuffer(), 'image/jpeg', 1000],
    ['HEIC', () => Promise.resolve(heic), 'image/jpeg', 800],
  ])(
    'four %s pictures of 40 megapixels at once are taken one after the other, in bounded memory',
    async (_what, make, mime, limit) => {
      const bytes = await make();
      const answers = await Promise.all([1, 2, 3, 4].map(() => server.upload(bytes)));
      expect(answers.map(({ status, body }) => [status, (body as { mime: string }).mime])).toEqual(
        Array(4).fill([201, mime]),
      );
      expect(peak()).toBeLessThan(limit);
    },
  );
});

test('a picture is answered for while a HEIC of 40 megapixels is decoded', async () => {
  let isDecoded = false;
  const upload = server.upload(heic).finally(() => (isDecoded = true));
  const delays: number[] = [];
  while (!isDecoded) {
    const startedAt = Date.now();
    expect((await server.get('/health')).status).toBe(200);
    delays.push(Date.now() - startedAt);
  }
  expect((await upload).body).toMatchObject({ width: 8000, height: 5000, mime: 'image/jpeg' });
  expect(delays.length).toBeGreaterThan(5);
  expect(Math.max(...delays)).toBeLessThan(500);
});
