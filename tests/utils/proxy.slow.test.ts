import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { selfSigned } from '../helpers/certificate';
import { listenOn, startConnectProxy, startSocksProxy, type TestProxy } from '../helpers/proxies';

const root = path.resolve(__dirname, '../..');
const trusted = path.join(mkdtempSync(path.join(os.tmpdir(), 'proxy-')), 'ca.pem');
const identities = ['vendor.test', 'localhost'].map((host) => selfSigned(host));

let vendor: { port: number; close: () => void };
let read: number;
const closing: (() => void)[] = [];

beforeAll(async () => {
  writeFileSync(trusted, identities.map(({ cert }) => cert).join(''));
  const contexts = { 'vendor.test': identities[0]!, localhost: identities[1]! };
  const server = https.createServer(
    {
      ...identities[1]!,
      SNICallback: (name, done) => {
        const { cert, key } = contexts[name as keyof typeof contexts] ?? identities[1]!;
        done(null, createSecureContext({ cert, key }));
      },
    },
    (_, response) => (read++, response.end('{}')),
  );
  vendor = await listenOn(server);
});
beforeEach(() => (read = 0));
afterEach(() => closing.splice(0).forEach((close) => close()));
afterAll(() => vendor.close());

const opened = async <Started extends { close: () => void }>(starting: Promise<Started>): Promise<Started> => {
  const started = await starting;
  closing.push(started.close);
  return started;
};

/** A port where nobody listens any more. */
async function startNothing() {
  const { port, close } = await listenOn(net.createServer());
  close();
  return { port, close: () => undefined };
}

type Result = { status?: number; code?: string; unsent?: boolean; message?: string; again?: string };

/** What one paid request comes to in a process with these variables, since a proxy is read at start. */
async function askWith(variables: Record<string, string>, host = 'vendor.test'): Promise<Result> {
  const script = `
    const { sendRequest } = require('./dist/utils/http');
    const { videoErrorOf } = require('./dist/services/provider-errors');
    const url = 'https://${host}:${vendor.port}/';
    sendRequest({ provider: 'Runway', method: 'POST', url, json: {}, deadlineMs: 2000 }).then(
      ({ status }) => ({ status }),
      ({ code, unsent, message }) =>
        ({ code, unsent, message, again: videoErrorOf('PROVIDER_FAILED', 'runway', 'no').message }),
    ).then((result) => (console.log(JSON.stringify(result)), process.exit()));`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: trusted, ...variables };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: root, env });
  return JSON.parse(stdout) as Result;
}

test.each([
  ['HTTPS_PROXY', 'http'],
  ['https_proxy', 'http'],
  ['ALL_PROXY', 'http'],
  ['all_proxy', 'socks5'],
  ['ALL_PROXY', 'socks5h'],
  ['HTTPS_PROXY', 'socks5'],
])('a request goes through the proxy of %s with %s, which resolves the name', async (variable, protocol) => {
  const proxy: TestProxy = await opened(protocol === 'http' ? startConnectProxy() : startSocksProxy());
  expect(await askWith({ [variable]: `${protocol}://127.0.0.1:${proxy.port}` })).toEqual({ status: 200 });
  expect(proxy.asked).toEqual([`vendor.test:${vendor.port}`]);
});

test('a name and a password are given to a SOCKS proxy', async () => {
  const { port, asked } = await opened(startSocksProxy({ password: 'canary%' }));
  expect(await askWith({ ALL_PROXY: `socks5://me:canary%25@127.0.0.1:${port}` })).toEqual({ status: 200 });
  expect(asked).toHaveLength(1);
});

test('HTTPS_PROXY goes before ALL_PROXY, and capitals before lower case', async () => {
  const [right, wrong] = [await opened(startConnectProxy()), await opened(startConnectProxy())];
  const [first, second] = [right, wrong].map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
  expect(await askWith({ HTTPS_PROXY: first, https_proxy: second, ALL_PROXY: second })).toEqual({ status: 200 });
  expect([right.asked.length, wrong.asked.length]).toEqual([1, 0]);
});

test.each([
  ['NO_PROXY', 'localhost'],
  ['no_proxy', 'example.com, localhost'],
  ['no_proxy', '*'],
  ['NO_PROXY', '.localhost'],
  ['NO_PROXY', 'localhost:PORT'],
  ['NO_PROXY', 'localhost.'],
  ['NO_PROXY', 'local*'],
  ['NO_PROXY', '*:PORT'],
  ['NO_PROXY', '<local>'],
])('a host that %s excludes (%s) is asked directly', async (variable, value) => {
  const proxy = await opened(startConnectProxy());
  const variables = {
    https_proxy: `http://127.0.0.1:${proxy.port}`,
    [variable]: value.replace('PORT', `${vendor.port}`),
  };
  expect(await askWith(variables, 'localhost')).toEqual({ status: 200 });
  expect(proxy.asked).toEqual([]);
});

test.each([
  ['127.0.0.0/8', 0],
  ['127.*', 0],
  ['127.0.0.1', 0],
  ['10.0.0.0/8', 1],
  ['::1, fd00::/8', 1],
])('an address is excluded by NO_PROXY=%s, or not: asked through the proxy %i times', async (value, times) => {
  const proxy = await opened(startConnectProxy());
  const variables = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: value };
  // The certificate is that of a name, so that the vendor itself is not reached.
  await askWith(variables, '127.0.0.1');
  expect(proxy.asked).toHaveLength(times);
});

test.each(['localhost:1', 'host', 'other.localhost'])(
  'a host that NO_PROXY does not exclude (%s) is not',
  async (value) => {
    const proxy = await opened(startConnectProxy());
    const variables = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: value };
    expect(await askWith(variables, 'localhost')).toEqual({ status: 200 });
    expect(proxy.asked).toHaveLength(1);
  },
);

const answer = (status: number) => (socket: net.Socket) =>
  socket.end(`HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);

test.each([
  [
    407,
    'https_proxy',
    /wants another user name and password \(status 407\), so Runway was not asked; correct https_proxy/,
  ],
  [502, 'HTTPS_PROXY', /did not connect to Runway \(status 502\).*HTTPS_PROXY/],
  [503, 'ALL_PROXY', /did not connect to Runway \(status 503\).*ALL_PROXY/],
])(
  'an answer %i of the proxy itself is told as one of %s, unsent and without its password',
  async (status, name, said) => {
    const proxy = await opened(startConnectProxy({ '*': answer(status) }));
    const result = await askWith({ [name]: `http://me:canary@127.0.0.1:${proxy.port}` });
    expect(result).toMatchObject({ code: 'PROVIDER_FAILED', unsent: true, message: expect.stringMatching(said) });
    expect(result.message).toContain(`http://127.0.0.1:${proxy.port}`);
    expect(result.again).toBe(result.message);
    expect(JSON.stringify(result)).not.toContain('canary');
    expect(read).toBe(0);
  },
);

test.each<[string, () => Promise<{ port: number; close: () => void }>, string]>([
  ['is not there', startNothing, 'http'],
  ['resets the connection', () => startConnectProxy({ '*': (socket) => socket.resetAndDestroy() }), 'http'],
  ['closes the connection', () => startConnectProxy({ '*': (socket) => socket.end() }), 'http'],
  [
    'connects and then closes',
    () => startConnectProxy({ '*': (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n') }),
    'http',
  ],
  ['refuses the password', () => startSocksProxy({ password: 'other' }), 'socks5'],
  ['refuses to connect', () => startSocksProxy({ refusal: 5 }), 'socks5'],
])('a request through a proxy that %s is unsent, and the sentence names the proxy', async (_, start, protocol) => {
  const { port, close } = await start();
  closing.push(close);
  const result = await askWith({ HTTPS_PROXY: `${protocol}://me:canary@127.0.0.1:${port}` });
  expect(result).toMatchObject({ code: 'PROVIDER_FAILED', unsent: true });
  expect(result.message).toMatch(
    /^Runway could not be reached through the proxy \w+:\/\/127\.0\.0\.1:\d+; check that it runs .*HTTPS_PROXY/,
  );
  expect(JSON.stringify(result)).not.toContain('canary');
});
