import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { openRaw, portOf, toRequest } from './helpers/wire';
import { startServer, type TestServer } from './helpers/server';

jest.setTimeout(20_000);

const withinMs = 10_000;
const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
const bigFile = 'videos/big.mp4';
const bigFileBytes = 64 * 1024 ** 2;

let server: TestServer;
const streams: net.Socket[] = [];

beforeEach(async () => {
  server = await startServer();
  await writeFile(path.join(server.env.UPLOAD_DIR!, bigFile), Buffer.alloc(bigFileBytes));
});

afterEach(async () => {
  streams.splice(0).forEach((stream) => stream.destroy());
  if (server.child.exitCode === null) await server.kill();
});

/** A connection that never ends its own half. */
async function openConnection(port = portOf(server.url)): Promise<net.Socket> {
  const stream = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  stream.on('error', () => undefined);
  streams.push(stream);
  await once(stream, 'connect');
  return stream;
}

const get = (address: string, headers: string[]) =>
  toRequest('GET', address, [`Host: 127.0.0.1:${portOf(server.url)}`, ...headers]);

/** Asks for a file and reads nothing of it but the beginning. */
async function readNothing(headers: string[]): Promise<void> {
  const stream = await openConnection();
  stream.write(get(`/uploads/${bigFile}`, headers));
  await once(stream, 'readable');
}

async function expectStop(): Promise<void> {
  const startedAt = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(withinMs);
}

test.each([
  ['an h2c request', h2c],
  ['a plain request', ['Connection: close']],
])('the server stops though the peer of %s keeps its half of the connection open', async (_what, headers) => {
  const stream = await openConnection();
  const ended = once(stream.resume(), 'end');
  stream.write(get('/health', headers));
  await ended;
  await expectStop();
});

test.each([
  ['on SERVER_PORT', () => portOf(server.url)],
  ['on WS_PORT', () => portOf(server.wsUrl)],
])('the server stops though a request %s never comes to its end', async (_where, port) => {
  const stream = await openConnection(port());
  stream.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n');
  await expectStop();
});

test.each([
  ['an h2c request', h2c],
  ['a plain request', []],
])('the server stops though the peer of %s reads nothing of a large answer', async (_what, headers) => {
  await readNothing(headers);
  await expectStop();
});

test('the server stops though a socket neither reads nor closes', async () => {
  const stream = await openRaw(portOf(server.wsUrl));
  streams.push(stream);
  stream.pause();
  await expectStop();
});

test('the server stops at once when nobody is connected but one idle connection', async () => {
  const stream = await openConnection();
  stream.write(get('/health', []));
  await once(stream, 'data');
  const startedAt = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(3000);
});

test('the server takes a signal that comes twice at one moment for one', async () => {
  const exited = once(server.child, 'exit');
  server.child.kill('SIGINT');
  server.child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('the server ends at once with 1 at a later signal', async () => {
  await readNothing([]);
  const exited = once(server.child, 'exit');
  const startedAt = performance.now();
  const again = setInterval(() => server.child.kill('SIGTERM'), 50);
  expect(await exited).toEqual([1, null]);
  clearInterval(again);
  expect(performance.now() - startedAt).toBeLessThan(3000);
});
