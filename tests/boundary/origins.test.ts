import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import sharp from 'sharp';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { filesOf } from '../helpers/stored';
import { handshake, portOf, sendRaw, toRequest, type RawAnswer } from '../helpers/wire';

type Verdict = 'ok' | 'HOST_NOT_ALLOWED' | 'ORIGIN_NOT_ALLOWED';
type Row = {
  verdict: Verdict;
  /** `{port}` stands for the port that is asked; none means the loopback address with it. */
  hosts?: string[];
  origins?: string[];
  more?: string[];
};
type Door = { rest: number; socket: number };

const own = '127.0.0.1:{port}';
const publicOrigins = 'https://film.example.com,http://192.168.7.7:8080';

const host = (verdict: Verdict, value: string, more?: string[]): Row => ({ verdict, hosts: [value], more });
const origin = (verdict: Verdict, value: string, ...hosts: string[]): Row => ({
  verdict,
  origins: [value],
  ...(hosts.length > 0 && { hosts }),
});
const site = (verdict: Verdict, value: string, ...origins: string[]): Row => ({
  verdict,
  origins,
  more: [`Sec-Fetch-Site: ${value}`, 'Sec-Fetch-Mode: cors'],
});

const rows: Row[] = [
  host('ok', own),
  host('ok', '127.0.0.1'),
  host('ok', '127.0.0.1:9'),
  host('ok', '127.8.9.10:{port}'),
  host('ok', 'localhost:{port}'),
  host('ok', 'LocalHost:{port}'),
  host('ok', 'localhost.:{port}'),
  host('ok', 'app.localhost:{port}'),
  host('ok', '[::1]:{port}'),
  host('ok', '[::ffff:127.0.0.1]:{port}'),
  host('ok', 'film.example.com'),
  host('ok', 'FILM.Example.Com:443'),
  host('ok', '192.168.7.7:8080'),
  host('ok', own, ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https', 'X-Forwarded-For: 203.0.113.9']),
  host('HOST_NOT_ALLOWED', 'evil.example'),
  host('HOST_NOT_ALLOWED', 'r.evil.example:{port}'),
  host('HOST_NOT_ALLOWED', 'localhost.evil.example'),
  host('HOST_NOT_ALLOWED', '127.0.0.1.evil.example'),
  host('HOST_NOT_ALLOWED', '127.0.0.1.nip.io:{port}'),
  host('HOST_NOT_ALLOWED', 'evillocalhost:{port}'),
  host('HOST_NOT_ALLOWED', 'xfilm.example.com'),
  host('HOST_NOT_ALLOWED', 'film.example.com.evil.example'),
  host('HOST_NOT_ALLOWED', 'example.com'),
  host('HOST_NOT_ALLOWED', '0.0.0.0:{port}'),
  host('HOST_NOT_ALLOWED', '[::]:{port}'),
  host('HOST_NOT_ALLOWED', '2130706433:{port}'),
  host('HOST_NOT_ALLOWED', '192.168.1.20:{port}'),
  host('HOST_NOT_ALLOWED', 'box.local:{port}'),
  host('HOST_NOT_ALLOWED', 'localhost@evil.example'),
  host('HOST_NOT_ALLOWED', 'localhost, evil.example'),
  host('HOST_NOT_ALLOWED', ':{port}'),
  host('HOST_NOT_ALLOWED', ''),
  { verdict: 'HOST_NOT_ALLOWED', hosts: [] },
  { verdict: 'HOST_NOT_ALLOWED', hosts: [own, own] },
  { verdict: 'HOST_NOT_ALLOWED', hosts: [own, 'evil.example'] },
  host('HOST_NOT_ALLOWED', 'evil.example', ['X-Forwarded-Host: localhost', 'X-Forwarded-For: 127.0.0.1']),

  { verdict: 'ok' },
  origin('ok', 'http://localhost:{port}'),
  origin('ok', 'http://127.0.0.1:{port}'),
  origin('ok', 'http://localhost:5173'),
  origin('ok', 'http://LOCALHOST:5173'),
  origin('ok', 'http://127.0.0.1:4173'),
  origin('ok', 'http://[::1]:5173'),
  origin('ok', 'https://localhost:8443'),
  origin('ok', 'http://app.localhost:5173'),
  origin('ok', 'https://film.example.com'),
  origin('ok', 'https://film.example.com', 'film.example.com'),
  origin('ok', 'http://192.168.7.7:8080', '192.168.7.7:8080'),
  origin('ok', 'http://localhost:5173', 'localhost:5173'),
  origin('ORIGIN_NOT_ALLOWED', 'https://evil.example'),
  origin('HOST_NOT_ALLOWED', 'http://r.evil.example', 'r.evil.example'),
  origin('ORIGIN_NOT_ALLOWED', 'null'),
  origin('ORIGIN_NOT_ALLOWED', ''),
  origin('ORIGIN_NOT_ALLOWED', '*'),
  origin('ORIGIN_NOT_ALLOWED', 'file://'),
  origin('ORIGIN_NOT_ALLOWED', 'chrome-extension://abcdefgh'),
  origin('ORIGIN_NOT_ALLOWED', 'ftp://localhost'),
  origin('ORIGIN_NOT_ALLOWED', 'localhost:5173'),
  origin('ORIGIN_NOT_ALLOWED', '//localhost:5173'),
  origin('ORIGIN_NOT_ALLOWED', 'http://localhost.evil.example:{port}'),
  origin('ORIGIN_NOT_ALLOWED', 'http://127.0.0.1.evil.example'),
  origin('ORIGIN_NOT_ALLOWED', 'http://evillocalhost'),
  origin('ORIGIN_NOT_ALLOWED', 'http://localhost@evil.example'),
  origin('ORIGIN_NOT_ALLOWED', 'http://evil.example:80@localhost'),
  origin('ORIGIN_NOT_ALLOWED', 'http://localhost:5173/page'),
  origin('ORIGIN_NOT_ALLOWED', 'http://evil.example?http://localhost'),
  origin('ORIGIN_NOT_ALLOWED', 'http://evil.example#http://localhost'),
  origin('ORIGIN_NOT_ALLOWED', 'http://localhost:99999'),
  origin('ORIGIN_NOT_ALLOWED', 'http://0.0.0.0:{port}'),
  origin('ORIGIN_NOT_ALLOWED', 'http://[::]:{port}'),
  origin('ORIGIN_NOT_ALLOWED', 'http://192.168.1.20:{port}'),
  origin('ORIGIN_NOT_ALLOWED', 'http://film.example.com'),
  origin('ORIGIN_NOT_ALLOWED', 'https://film.example.com:8443'),
  origin('ORIGIN_NOT_ALLOWED', 'https://www.film.example.com'),
  origin('ORIGIN_NOT_ALLOWED', 'https://film.example.com.evil.example'),
  origin('ORIGIN_NOT_ALLOWED', 'http://192.168.7.7'),
  origin('ORIGIN_NOT_ALLOWED', 'http://localhost:5173, https://evil.example'),
  { verdict: 'ORIGIN_NOT_ALLOWED', origins: ['http://localhost:5173', 'https://evil.example'] },
  { verdict: 'ORIGIN_NOT_ALLOWED', origins: ['https://evil.example'], more: ['X-Forwarded-For: 127.0.0.1'] },

  site('ok', 'same-origin'),
  site('ok', 'same-site', 'http://localhost:5173'),
  site('ok', 'none'),
  site('ORIGIN_NOT_ALLOWED', 'cross-site'),
  site('ORIGIN_NOT_ALLOWED', 'cross-site', 'https://evil.example'),
  site('ORIGIN_NOT_ALLOWED', 'cross-site', 'https://film.example.com'),
  { verdict: 'ORIGIN_NOT_ALLOWED', more: ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate'] },
];

const titleOf = ({ verdict, hosts, origins, more }: Row) =>
  `${verdict} for ${[
    hosts && `Host ${hosts.map((value) => `"${value}"`).join(' and ') || 'missing'}`,
    origins && origins.length > 0 && `Origin ${origins.map((value) => `"${value}"`).join(' and ')}`,
    more?.join(', '),
  ]
    .filter(Boolean)
    .join(', ')}`.replace(/ for $/, ' for a plain request');

const boundary = 'part';
let form: Buffer;
let server: TestServer;
let direct: Door;

beforeAll(async () => {
  const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n`;
  form = Buffer.concat([Buffer.from(head), picture, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  server = await startServer({ PUBLIC_ORIGIN: publicOrigins });
  direct = { rest: portOf(server.url), socket: portOf(server.wsUrl) };
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

/** The same row on every channel; what each answered, by the channel's name. */
async function ask(row: Row, { rest, socket }: Door): Promise<Record<string, RawAnswer>> {
  const headers = (port: number) =>
    [
      ...(row.hosts ?? [own]).map((value) => `Host: ${value}`),
      ...(row.origins ?? []).map((value) => `Origin: ${value}`),
      ...(row.more ?? []),
    ].map((line) => line.replaceAll('{port}', String(port)));
  const http = (method: string, address: string, type?: string, body?: string | Buffer) =>
    sendRaw(
      rest,
      toRequest(
        method,
        address,
        [...headers(rest), 'Connection: close', ...(type ? [`Content-Type: ${type}`] : [])],
        body,
      ),
    );
  const [get, post, upload, file, socketPort, socketPath] = await Promise.all([
    http('GET', '/api/workspaces'),
    http('POST', '/api/generate/cancel', 'application/json', '{}'),
    http('POST', '/api/upload/image', `multipart/form-data; boundary=${boundary}`, form),
    http('GET', '/uploads/images/none.png'),
    sendRaw(socket, toRequest('GET', '/', [...headers(socket), ...handshake])),
    sendRaw(rest, toRequest('GET', '/ws', [...headers(rest), ...handshake])),
  ]);
  return { get, post, upload, file, socketPort, socketPath };
}

const served = { get: 200, post: 400, upload: 201, file: 404, socketPort: 101, socketPath: 101 };

const statusOf = (answers: Record<string, RawAnswer>) =>
  Object.fromEntries(Object.entries(answers).map(([channel, { status }]) => [channel, status]));

describe('the matrix of Host and Origin', () => {
  test('the matrix of Host and Origin has at least 40 different rows, of which 20 are served', () => {
    expect(new Set(rows.map(titleOf)).size).toBe(rows.length);
    expect(rows.length).toBeGreaterThanOrEqual(40);
    expect(rows.filter(({ verdict }) => verdict === 'ok').length).toBeGreaterThanOrEqual(20);
  });

  test.each(rows.map((row) => [titleOf(row), row] as const))('the answer is %s', async (_title, row) => {
    const before = await filesOf(server.folder);
    const answers = await ask(row, direct);
    if (row.verdict === 'ok') {
      expect(statusOf(answers)).toEqual(served);
      return;
    }
    for (const [channel, { status, code, text, headers }] of Object.entries(answers)) {
      expect({ channel, status, code }).toEqual({ channel, status: 403, code: row.verdict });
      expect(text).toContain('PUBLIC_ORIGIN');
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers.vary?.toLowerCase()).toContain('origin');
    }
    expect(await filesOf(server.folder)).toEqual(before);
  });
});

describe('the server in production', () => {
  const productionRows: Row[] = [
    { verdict: 'ok' },
    origin('ok', 'http://localhost:{port}'),
    origin('ok', 'http://127.0.0.1:{port}'),
    origin('ok', 'http://[::1]:{port}'),
    origin('ok', 'https://film.example.com', 'film.example.com'),
    origin('ORIGIN_NOT_ALLOWED', 'http://localhost:5173'),
    origin('ORIGIN_NOT_ALLOWED', 'http://127.0.0.1:8080'),
    origin('ORIGIN_NOT_ALLOWED', 'http://localhost'),
    origin('ORIGIN_NOT_ALLOWED', 'https://evil.example'),
    host('HOST_NOT_ALLOWED', 'evil.example'),
  ];
  let folder: string;
  let production: ChildProcess;
  let door: Door;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-production-'));
    door = { rest: await freePort(), socket: await freePort() };
    const settings = {
      NODE_ENV: 'production',
      SERVER_PORT: String(door.rest),
      WS_PORT: String(door.socket),
      MONGODB_URI: freshDatabase(),
      PUBLIC_ORIGIN: publicOrigins,
      DATA_DIR: path.join(folder, 'data'),
      UPLOAD_DIR: path.join(folder, 'uploads'),
      LOG_DIR: path.join(folder, 'logs'),
    };
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...settings };
    production = spawn(process.execPath, [path.resolve(__dirname, '../../dist/server.js')], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await said(production, production.stdout!, 'server listening');
  });

  afterAll(async () => {
    production.kill('SIGTERM');
    expect(await once(production, 'exit')).toEqual([0, null]);
    await rm(folder, { recursive: true, force: true });
  });

  test.each(productionRows.map((row) => [titleOf(row), row] as const))(
    'the answer in production is %s',
    async (_title, row) => {
      const answers = await ask(row, door);
      if (row.verdict === 'ok') expect(statusOf(answers)).toEqual(served);
      else expect(new Set(Object.values(answers).map(({ code }) => code))).toEqual(new Set([row.verdict]));
    },
  );
});

describe('pages', () => {
  const navigate = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];
  const visit = (method: string, address: string, headers: string[]) =>
    sendRaw(
      direct.rest,
      toRequest(method, address, [`Host: localhost:${direct.rest}`, 'Connection: close', ...headers]),
    );

  test.each(['/', '/?from=mail', '/docs', '/docs/'])('a link on another site opens %s', async (address) => {
    const { status, code } = await visit('GET', address, navigate);
    expect(code).not.toBe('ORIGIN_NOT_ALLOWED');
    expect(status).not.toBe(403);
  });

  test.each([
    ['GET', '/api/workspaces', navigate],
    ['GET', '/uploads/images/none.png', navigate],
    ['GET', '/openapi.json', navigate],
    ['POST', '/', navigate],
    ['GET', '/', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image']],
    ['GET', '/', [...navigate, 'Origin: https://evil.example']],
  ])('another site may not send %s %s with %j', async (method, address, headers) => {
    expect(await visit(method, address, headers)).toMatchObject({ status: 403, code: 'ORIGIN_NOT_ALLOWED' });
  });
});

const hasNginx = (() => {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

(hasNginx ? describe : describe.skip)('the server behind Nginx', () => {
  let folder: string;
  let nginx: ChildProcess;
  let door: Door;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-nginx-'));
    door = { rest: await freePort(), socket: await freePort() };
    await writeFile(path.join(folder, 'nginx.conf'), nginxConfig(door, direct, folder));
    nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await said(nginx, nginx.stderr!, 'start worker process ');
  });

  afterAll(async () => {
    nginx.kill('SIGQUIT');
    await once(nginx, 'exit');
    await rm(folder, { recursive: true, force: true });
  });

  test.each(rows.map((row) => [titleOf(row), row] as const))('the answer through Nginx is %s', async (_title, row) => {
    const before = await filesOf(server.folder);
    const answers = await ask(row, door);
    if (row.verdict === 'ok') {
      expect(statusOf(answers)).toEqual(served);
      return;
    }
    for (const [channel, { status, code }] of Object.entries(answers)) {
      // Nginx itself turns away a Host that is no name, and one that is missing or doubled.
      if (code === undefined) expect({ channel, status }).toEqual({ channel, status: 400 });
      else expect({ channel, status, code }).toEqual({ channel, status: 403, code: row.verdict });
    }
    expect(await filesOf(server.folder)).toEqual(before);
  });
});

/** Resolves when a process has written these words, and rejects when it ends before. */
function said(child: ChildProcess, output: Readable, words: string): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    output.on('data', (chunk: Buffer) => {
      text += String(chunk);
      if (text.includes(words)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}:\n${text}`)));
  });
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function nginxConfig(door: Door, target: Door, folder: string): string {
  const isRoot = process.getuid?.() === 0;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const server = (port: number, to: number) => `
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 11m;
    location / {
      proxy_pass http://127.0.0.1:${to};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`;
  return `
${isRoot ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 512; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  ${server(door.rest, target.rest)}
  ${server(door.socket, target.socket)}
}
`;
}
