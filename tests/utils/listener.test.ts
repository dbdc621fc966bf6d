import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { portOf, toRequest } from '../helpers/wire';
import { startServer, type TestServer } from '../helpers/server';

jest.setTimeout(60_000);

const fileBytes = 32 * 1024 ** 2;

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await writeFile(path.join(server.env.UPLOAD_DIR!, 'videos/big.mp4'), Buffer.alloc(fileBytes));
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

function open(): net.Socket {
  const stream = net.connect(portOf(server.url), '127.0.0.1');
  stream.on('error', () => undefined);
  return stream;
}

const get = (address: string) => toRequest('GET', address, [`Host: 127.0.0.1:${portOf(server.url)}`]);

test('the server writes no status line into a body that is on its way', async () => {
  const stream = open();
  stream.write(get('/uploads/videos/big.mp4'));
  const [head] = (await once(stream, 'data')) as [Buffer];
  expect(head.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);

  const body: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => body.push(chunk));
  stream.write('this is no HTTP\r\n\r\n');
  await once(stream, 'close');
  expect(Buffer.concat(body).includes('HTTP/1.1')).toBe(false);
});

test('the server answers what is no HTTP after an answer that was sent in full', async () => {
  const stream = open();
  stream.write(get('/openapi.json'));
  let received = '';
  stream.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  while (!received.endsWith('}')) await once(stream, 'data');
  received = '';
  stream.write('this is no HTTP\r\n\r\n');
  await once(stream, 'close');
  expect(received).toMatch(/^HTTP\/1\.1 400 [^]*"INVALID_INPUT"/);
});

test('the server keeps an idle connection for longer than Nginx, and than the headers of a request may take', async () => {
  const stream = open();
  stream.write(get('/health'));
  const [first] = (await once(stream, 'data')) as [Buffer];
  expect(Number(/Keep-Alive: timeout=(\d+)/i.exec(first.toString('latin1'))?.[1])).toBeGreaterThan(60);

  const longerThanHeadersMayTakeMs = 13_000;
  const closed = once(stream, 'close').then(() => 'closed');
  const idle = new Promise((resolve) => setTimeout(resolve, longerThanHeadersMayTakeMs, 'open'));
  expect(await Promise.race([closed, idle])).toBe('open');
  stream.write(get('/health'));
  const [second] = (await once(stream, 'data')) as [Buffer];
  expect(second.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
  stream.destroy();
});
