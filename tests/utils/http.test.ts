process.env.PROVIDER_REQUEST_TIMEOUT_MS = '300';

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../../package.json';
import { requestDeadlineMs, sendRequest, type HttpRequest } from '../../src/utils/http';
import type { AppError } from '../../src/utils/errors';
import { selfSigned } from '../helpers/certificate';
import { readSlowly } from '../helpers/slow';

const deadlineMs = 500;
const closing: (() => void)[] = [];

async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket.on('error', () => undefined)));
  closing.push(() => (server.close(), sockets.forEach((socket) => socket.destroy())));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
afterAll(() => closing.forEach((close) => close()));

/** A port whose server is stopped, and whose queue of connections is filled until one more is not taken. */
async function listenWithFullQueue(): Promise<number> {
  const script = `const server = require('net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  closing.push(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  child.kill('SIGSTOP');
  for (;;) {
    const socket = net.connect(Number(line), '127.0.0.1').on('error', () => undefined);
    closing.push(() => socket.destroy());
    const isTaken = once(socket, 'connect').then(() => true);
    if (!(await Promise.race([isTaken, sleep(200, false)]))) return Number(line);
  }
}

async function failureOf(url: string, more: Partial<HttpRequest> = {}) {
  const sent = sendRequest({ provider: 'Vendor', method: 'POST', url, json: { paid: true }, deadlineMs, ...more });
  const { code, unsent } = await sent.then(
    ({ status }) => Promise.reject(new Error(`answered with ${status}`)),
    (error: AppError) => error,
  );
  return { code, unsent };
}

describe('a request that was not sent', () => {
  const unsent = (code: string) => ({ code, unsent: true });

  test('a request that nobody answers is known to be unsent while TCP is open and TLS is not', async () => {
    const port = await listen(net.createServer());
    expect(await failureOf(`https://127.0.0.1:${port}/`)).toEqual(unsent('PROVIDER_TIMEOUT'));
  });

  test('a request that nobody answers is known to be unsent when the connection is reset before TLS is open', async () => {
    const server = net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await failureOf(`https://127.0.0.1:${await listen(server)}/`)).toEqual(unsent('PROVIDER_FAILED'));
  });

  test('a request that nobody answers is known to be unsent when the connection is closed before TLS is open', async () => {
    const server = net.createServer((socket) => socket.once('data', () => socket.end()));
    expect(await failureOf(`https://127.0.0.1:${await listen(server)}/`)).toEqual(unsent('PROVIDER_FAILED'));
  });

  test.each(['http', 'https'])(
    'a request that nobody answers is known to be unsent when the queue of a server that accepts nothing is full, with %s',
    async (protocol) => {
      const port = await listenWithFullQueue();
      expect(await failureOf(`${protocol}://127.0.0.1:${port}/`)).toEqual(unsent('PROVIDER_TIMEOUT'));
    },
  );

  test('a request that nobody answers is known to be unsent when the certificate is not to be trusted', async () => {
    const port = await listen(https.createServer(selfSigned()));
    expect(await failureOf(`https://localhost:${port}/`)).toEqual(unsent('PROVIDER_FAILED'));
  });

  test.each(['http', 'https'])(
    'a request that nobody answers is known to be unsent when the connection is refused, with %s',
    async (protocol) => {
      const server = net.createServer();
      const port = await listen(server);
      server.close();
      expect(await failureOf(`${protocol}://127.0.0.1:${port}/`)).toEqual(unsent('PROVIDER_FAILED'));
    },
  );

  test('a request that nobody answers is known to be unsent when the name is not known', async () => {
    const { unsent: isUnsent } = await failureOf('https://vendor.invalid/');
    expect(isUnsent).toBe(true);
  });

  test('a request that nobody answers is known to be unsent when the caller gave up before', async () => {
    const signal = AbortSignal.abort();
    expect(await failureOf('http://127.0.0.1:9/', { signal })).toEqual(unsent('PROVIDER_TIMEOUT'));
  });
});

describe('a request that may have been taken', () => {
  const taken = (code: string) => ({ code, unsent: false });
  const serve = async (answer: http.RequestListener) => `http://127.0.0.1:${await listen(http.createServer(answer))}/`;

  test('a request may have been taken when it was read and never answered', async () => {
    expect(await failureOf(await serve(() => undefined))).toEqual(taken('PROVIDER_TIMEOUT'));
  });

  test('a request may have been taken when it was accepted by TCP and not even read', async () => {
    const port = await listen(net.createServer((socket) => socket.pause()));
    expect(await failureOf(`http://127.0.0.1:${port}/`)).toEqual(taken('PROVIDER_TIMEOUT'));
  });

  test('a request may have been taken when the connection was reset after it was read', async () => {
    const url = await serve((request) => request.on('data', () => request.socket.resetAndDestroy()));
    expect(await failureOf(url)).toEqual(taken('PROVIDER_FAILED'));
  });

  test('a request may have been taken when the answer broke off', async () => {
    const url = await serve((request, response) => response.write('{', () => request.socket.destroy()));
    expect(await failureOf(url)).toEqual(taken('PROVIDER_FAILED'));
  });

  test('a request may have been taken when the answer is larger than is read', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(2 * 1024 * 1024)));
    expect(await failureOf(url)).toEqual(taken('PROVIDER_BAD_REPLY'));
    expect((await sendRequest({ provider: 'Vendor', method: 'POST', url, maxReplyBytes: 3e6 })).status).toBe(200);
  });

  test('a request may have been taken when the caller gave up after it had been read', async () => {
    const caller = new AbortController();
    const url = await serve(() => caller.abort());
    expect(await failureOf(url, { signal: caller.signal, deadlineMs: 60_000 })).toEqual(taken('PROVIDER_TIMEOUT'));
  });

  test('a request may have been taken when it left on a connection that an earlier one had opened', async () => {
    const connections = new Set<net.Socket>();
    const url = await serve((request, response) => {
      if (connections.has(request.socket)) return request.socket.resetAndDestroy();
      connections.add(request.socket);
      response.end('{}');
    });
    const question = { provider: 'Vendor', method: 'GET', url } as const;
    expect((await sendRequest(question)).status).toBe(200);
    expect(await failureOf(url, { ...question, json: undefined })).toEqual(taken('PROVIDER_FAILED'));
    expect(connections.size).toBe(1);
  });
});

test('a request names the server and the version of package.json', async () => {
  const echo = http.createServer((request, response) => response.end(request.headers['user-agent']));
  const url = `http://127.0.0.1:${await listen(echo)}/`;
  const { text } = await sendRequest({ provider: 'Vendor', method: 'GET', url });
  expect(text).toBe(`video-maker/${packageJson.version}`);
});

describe('the deadline of a request', () => {
  const post = (url: string, json: unknown) => sendRequest({ provider: 'Vendor', method: 'POST', url, json });
  const twoMb = 'x'.repeat(2_000_000);

  test('the deadline of a request grows by 4 s for each MB that is sent', () => {
    expect([0, 250_000, 9_300_000].map(requestDeadlineMs)).toEqual([300, 1300, 37_500]);
  });

  test('the deadline of a request leaves the time that a slow line needs for a large body', async () => {
    const port = await listen(http.createServer(readSlowly(2_500_000, {})));
    expect(await post(`http://127.0.0.1:${port}/`, twoMb)).toMatchObject({ status: 200 });
  });

  test('the deadline of a request still ends a small request that nobody answers', async () => {
    const port = await listen(http.createServer(() => undefined));
    await expect(post(`http://127.0.0.1:${port}/`, 'x')).rejects.toMatchObject({ code: 'PROVIDER_TIMEOUT' });
  });
});

describe('a request through HTTPS_PROXY', () => {
  const root = path.resolve(__dirname, '../..');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'http-'));
  const identity = selfSigned();
  let read: string[];
  let results: Record<string, unknown>;

  // What the proxy does with each host; all others are connected to.
  const behaviours: Record<string, (socket: net.Socket) => void> = {
    'says-nothing.test': () => undefined,
    'refuses.test': (socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nnope'),
    'hangs-up.test': (socket) => socket.resetAndDestroy(),
    'connects-to-nothing.test': (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'),
  };

  const startProxy = () =>
    listen(
      http.createServer().on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
        const [host, port] = request.url!.split(':');
        const behave = behaviours[host!];
        if (behave) return behave(socket);
        const vendor = net.connect(Number(port), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
        vendor.on('error', () => socket.destroy());
        socket.on('close', () => vendor.destroy());
        vendor.on('close', () => socket.destroy());
        socket.pipe(vendor).pipe(socket);
      }),
    );

  const startVendor = () =>
    listen(
      https.createServer(identity, (request, response) => {
        read.push(request.url!);
        if (request.url === '/answers') response.end('{}');
        if (request.url === '/resets') request.socket.destroy();
      }),
    );

  // The proxy and the certificates that are trusted are read at start, so these requests leave from a process of their own.
  beforeAll(async () => {
    read = [];
    writeFileSync(path.join(folder, 'ca.pem'), identity.cert);
    const [proxy, vendor] = [await startProxy(), await startVendor()];
    const refused = Object.keys(behaviours).map((host) => `https://${host}/`);
    const connected = ['/answers', '/is-silent', '/resets'].map((page) => `https://localhost:${vendor}${page}`);
    const script = `
      const { sendRequest } = require('./src/utils/http');
      const ask = (url) => sendRequest({ provider: 'Vendor', method: 'POST', url, json: {}, deadlineMs: 2000 }).then(
        ({ status }) => status,
        ({ code, unsent }) => ({ code, unsent }),
      );
      Promise.all(${JSON.stringify([...refused, ...connected])}.map(async (url) => [url, await ask(url)]))
        .then((results) => console.log(JSON.stringify(Object.fromEntries(results))));`;
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy}`, NODE_EXTRA_CA_CERTS: path.join(folder, 'ca.pem') };
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closing.push(() => child.kill('SIGKILL'));
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    results = Object.fromEntries(
      Object.entries(JSON.parse(line) as object).map(([url, result]) => [
        url.replace(`:${vendor}`, ''),
        result as unknown,
      ]),
    );
  });

  test('a request through HTTPS_PROXY is unsent until the proxy has connected and TLS is open behind it', () => {
    expect(results).toMatchObject({
      'https://says-nothing.test/': { code: 'PROVIDER_TIMEOUT', unsent: true },
      'https://refuses.test/': { code: 'PROVIDER_FAILED', unsent: true },
      'https://hangs-up.test/': { code: 'PROVIDER_FAILED', unsent: true },
      'https://connects-to-nothing.test/': { code: 'PROVIDER_TIMEOUT', unsent: true },
    });
  });

  test('a request through HTTPS_PROXY that the vendor has read may have been taken', () => {
    expect(results).toMatchObject({
      'https://localhost/answers': 200,
      'https://localhost/is-silent': { code: 'PROVIDER_TIMEOUT', unsent: false },
      'https://localhost/resets': { code: 'PROVIDER_FAILED', unsent: false },
    });
    expect(read.sort()).toEqual(['/answers', '/is-silent', '/resets']);
  });
});

describe('a paid request', () => {
  test('a paid request is given up while its connection is being opened, and nothing leaves', async () => {
    const bytes: Buffer[] = [];
    // Takes the connection and never answers the hello of TLS.
    const silent = net.createServer((socket) => socket.on('data', (chunk) => bytes.push(chunk)));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as net.AddressInfo;
    const giveUp = new AbortController();
    silent.once('connection', () => giveUp.abort());
    const request = {
      provider: 'Runway',
      method: 'POST',
      url: `https://127.0.0.1:${port}/v1`,
      json: { secret: 'words' },
    } as const;
    const error = await sendRequest({ ...request, signal: giveUp.signal, isPaid: true }).catch(
      (thrown: AppError) => thrown,
    );
    expect(error).toMatchObject({ unsent: true });
    expect(Buffer.concat(bytes).includes('words')).toBe(false);
    silent.close();
  });

  test('a paid request is not cut off once it may have left', async () => {
    const giveUp = new AbortController();
    const server = http.createServer((_request, response) => {
      giveUp.abort();
      setImmediate(() => response.end('{"id":"task-1"}'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/v1`;
    const request = { provider: 'Runway', method: 'POST', url, json: {}, signal: giveUp.signal } as const;
    expect(await sendRequest({ ...request, isPaid: true })).toMatchObject({ status: 200, json: { id: 'task-1' } });
    server.close();
  });
});
