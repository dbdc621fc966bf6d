import { startServer, type TestServer } from '../helpers/server';

let server: TestServer;
beforeAll(async () => (server = await startServer()));
afterAll(() => server.stop());

const cacheControlOf = async (path: string, init?: RequestInit) =>
  (await fetch(`${server.url}${path}`, init)).headers.get('cache-control');

test('a cache asks again before it shows a list, changed or not', async () => {
  const list = await fetch(`${server.url}/api/workspaces`);
  expect(list.headers.get('cache-control')).toBe('no-cache');
  const headers = { 'If-None-Match': list.headers.get('etag')! };
  const same = await fetch(`${server.url}/api/workspaces`, { headers });
  expect(same.status).toBe(304);
  expect(same.headers.get('cache-control')).toBe('no-cache');
});

test('no cache keeps an error or the answer to a click', async () => {
  expect(await cacheControlOf('/api/nothing')).toBe('no-store');
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
  expect(await cacheControlOf('/api/generate/video', init)).toBe('no-store');
});
