import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

jest.setTimeout(60_000);

type Reply = { status: number; headers: IncomingHttpHeaders; bytes: Buffer };

const root = path.resolve(__dirname, '../..');
const isHere = spawnSync('nginx', ['-v']).status === 0;
const site = 'film.example.com';
const password = `Basic ${Buffer.from('director:secret').toString('base64')}`;
const heartbeatMs = 400;

(isHere ? describe : describe.skip)('the shipped nginx.conf', () => {
  let server: TestServer;
  let folder: string;
  let nginx: ChildProcess;
  let port: number;
  let plainPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-nginx-'));
    server = await startServer({ PUBLIC_ORIGIN: `https://${site}`, WS_HEARTBEAT_MS: String(heartbeatMs) });
    [port, plainPort] = await Promise.all([freePort(), freePort()]);
    await prepareFolder();
    nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'main.conf')], { stdio: 'ignore' });
    await isListening(port);
  });

  afterAll(async () => {
    const exited = once(nginx, 'exit');
    nginx.kill('SIGQUIT');
    await exited;
    if (server.child.exitCode === null) await server.stop();
    await rm(folder, { recursive: true, force: true });
    await rm(server.folder, { recursive: true, force: true });
  });

  async function prepareFolder(): Promise<void> {
    const key = ['-keyout', path.join(folder, 'privkey.pem'), '-out', path.join(folder, 'fullchain.pem')];
    const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${site}`];
    execFileSync('openssl', ['req', ...kind, ...key], { stdio: 'ignore' });
    await writeFile(path.join(folder, 'htpasswd'), 'director:{PLAIN}secret\n');

    const shipped = await readFile(path.join(root, 'deploy/nginx.conf'), 'utf8');
    // An operator replaces names and paths; a test also needs its own ports, and a timeout that only heartbeats can prevent.
    const replaced = shipped
      .replaceAll(`/etc/letsencrypt/live/${site}`, folder)
      .replaceAll('/etc/nginx/video-maker.htpasswd', path.join(folder, 'htpasswd'))
      .replaceAll('/srv/video-maker/uploads', server.env.UPLOAD_DIR!)
      .replaceAll('127.0.0.1:3000', new URL(server.url).host)
      .replace(/listen 80\b/g, `listen 127.0.0.1:${plainPort}`)
      .replace(/listen 443\b/g, `listen 127.0.0.1:${port}`)
      .replace('proxy_read_timeout 150s', `proxy_read_timeout ${2.5 * heartbeatMs}ms`);
    await writeFile(path.join(folder, 'site.conf'), replaced);
    await mkdir(path.join(folder, 'logs'));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
    const lines = [
      ...(process.getuid?.() === 0 ? ['user root;'] : []),
      'daemon off;',
      'pid nginx.pid;',
      'error_log logs/error.log;',
      'events {}',
      `http { access_log off; ${temporary.join(' ')} include site.conf; }`,
    ];
    await writeFile(path.join(folder, 'main.conf'), lines.join('\n'));
  }

  const headersOf = (more: Record<string, string>) => ({ Host: site, Authorization: password, ...more });

  function request(address: string, headers: Record<string, string> = {}, body?: Buffer): Promise<Reply> {
    const options = {
      port,
      host: '127.0.0.1',
      servername: site,
      path: address,
      rejectUnauthorized: false,
      agent: false,
    };
    const method = body ? 'POST' : 'GET';
    return new Promise((resolve, reject) => {
      const sent = https.request({ ...options, method, headers: headersOf(headers) }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks) }),
        );
      });
      sent.on('error', reject);
      if (!headers.Expect) return sent.end(body);
      sent.on('continue', () => sent.end(body));
      sent.flushHeaders();
    });
  }

  async function upload(bytes: Buffer): Promise<Reply> {
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(bytes)]), 'picture.png');
    const packed = new Response(form);
    const bytesOfForm = Buffer.from(await packed.arrayBuffer());
    const headers = {
      Origin: `https://${site}`,
      'Content-Type': packed.headers.get('content-type')!,
      'Content-Length': String(bytesOfForm.length),
      // As curl does with a large body: a refusal then comes before the body, and not into the middle of it.
      Expect: '100-continue',
    };
    return request('/api/upload/image', headers, bytesOfForm);
  }

  const json = ({ bytes }: Reply) => JSON.parse(String(bytes));

  test.each(['/api/workspaces', '/api/options', '/health', '/openapi.json', '/asyncapi.json'])(
    '%s is answered in the words of the server behind the shipped nginx.conf',
    async (address) => {
      const direct = await server.get(address);
      const reply = await request(address);
      expect(reply.status).toBe(200);
      expect(Object.keys(json(reply))).toEqual(Object.keys(direct.body));
      expect(reply.headers['strict-transport-security']).toBe('max-age=31536000');
    },
  );

  test('the shipped nginx.conf shows the API page, and answers an unchanged list with 304', async () => {
    expect(await request('/docs/')).toMatchObject({ status: 200, headers: { 'content-type': /html/ } });
    const { headers } = await request('/api/workspaces', { 'Accept-Encoding': 'gzip' });
    expect((await request('/api/workspaces', { 'If-None-Match': headers.etag! })).status).toBe(304);
  });

  test('the shipped nginx.conf asks for a password before anything', async () => {
    for (const address of ['/', '/api/workspaces', '/ws', '/uploads/images/a.png', '/docs/']) {
      const reply = await request(address, { Authorization: '' });
      expect(reply).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="Video Maker"' } });
    }
  });

  test('the shipped nginx.conf keeps pages of another origin away', async () => {
    const { image_url } = json(await upload(await noise(200)));
    for (const address of ['/api/workspaces', image_url]) {
      const reply = await request(address, { Origin: 'https://evil.example' });
      expect(reply.status).toBe(403);
      expect(json(reply).error.code).toBe('ORIGIN_NOT_ALLOWED');
    }
    expect((await request(image_url, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect((await request(image_url, { Origin: `https://${site}` })).status).toBe(200);
  });

  test('the shipped nginx.conf lets an upload just under the limit through', async () => {
    const bytes = await noise(1865);
    expect(bytes.length).toBeGreaterThan(10_400_000);
    expect(bytes.length).toBeLessThan(10_485_760);
    const reply = await upload(bytes);
    expect(reply.status).toBe(201);
    const stored = await request(json(reply).image_url);
    expect(stored).toMatchObject({ status: 200, headers: { 'content-type': 'image/png' } });
    expect(stored.bytes.equals(bytes)).toBe(true);
  });

  test.each([11_000_000, 11 * 1024 ** 2, 16_000_000])(
    'the shipped nginx.conf refuses an upload of %i bytes in JSON',
    async (size) => {
      const reply = await upload(Buffer.alloc(size, 'x'));
      expect(reply.status).toBe(413);
      expect(json(reply).error.code).toBe('FILE_TOO_LARGE');
    },
  );

  test('the shipped nginx.conf keeps a quiet socket open over three heartbeats', async () => {
    const headers = { Authorization: password, Origin: `https://${site}`, Host: site };
    const options = { headers, rejectUnauthorized: false, servername: site };
    const socket = await connect(`wss://127.0.0.1:${port}/ws`, options);
    for (let beat = 0; beat < 3; beat += 1) await once(socket.socket, 'ping');
    expect(await socket.ask({ type: 'workspace.create' })).toMatchObject({ type: 'workspace.created' });
    socket.close();
    expect(await socket.closed).toBe(1005);
  });

  test('the shipped nginx.conf serves nothing through a link that leads out of the uploads, and no other files', async () => {
    const images = path.join(server.env.UPLOAD_DIR!, 'images');
    await writeFile(path.join(folder, 'secret.png'), 'secret');
    await symlink(path.join(folder, 'secret.png'), path.join(images, 'link.png'));
    await writeFile(path.join(images, 'page.html'), '<script>');
    await writeFile(path.join(server.env.UPLOAD_DIR!, 'tmp/half.png'), 'half');
    const others = ['images/link.png', 'images/page.html', 'tmp/half.png', 'images/none.png', 'images/..%2f..%2flogs'];
    for (const name of others) {
      const reply = await request(`/uploads/${name}`);
      expect(reply.status).toBe(404);
      expect(json(reply).error.code).toBe('NOT_FOUND');
    }
  });

  test('the shipped nginx.conf gives no answer to another host name, over http and https', async () => {
    const plain = (host: string) =>
      new Promise<number>((resolve, reject) => {
        const sent = http.get(
          { port: plainPort, host: '127.0.0.1', agent: false, headers: { Host: host } },
          (response) => {
            response.resume();
            resolve(response.statusCode!);
          },
        );
        sent.on('error', reject);
      });
    await expect(plain('203.0.113.7')).rejects.toThrow(/hang up|ECONNRESET/);
    await expect(plain('evil.example')).rejects.toThrow(/hang up|ECONNRESET/);
    expect(await plain(site)).toBe(301);
    await expect(request('/health', { Host: 'evil.example' })).rejects.toThrow(/hang up|ECONNRESET/);
    const options = { port, host: '127.0.0.1', servername: 'evil.example', rejectUnauthorized: false, agent: false };
    const refused = new Promise((resolve, reject) => https.get({ ...options, path: '/' }, resolve).on('error', reject));
    await expect(refused).rejects.toThrow(/unrecognized name/i);
  });

  // The last one, since the server is gone after it.
  test('the shipped nginx.conf serves a video seek from the disk by itself, and says in JSON when the server is away', async () => {
    await copyFile(path.join(root, 'tests/fixtures/clip.mp4'), path.join(server.env.UPLOAD_DIR!, 'videos/seek.mp4'));
    const clip = await readFile(path.join(root, 'tests/fixtures/clip.mp4'));
    await server.kill();
    const reply = await request('/uploads/videos/seek.mp4', { Range: 'bytes=1000-1999' });
    expect(reply.status).toBe(206);
    expect(reply.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-range': `bytes 1000-1999/${clip.length}`,
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-site',
      'strict-transport-security': 'max-age=31536000',
    });
    expect(reply.bytes.equals(clip.subarray(1000, 2000))).toBe(true);

    const away = await request('/api/workspaces');
    expect(away.status).toBe(503);
    expect(json(away).error.code).toBe('BUSY');
  });
});

/** A PNG that cannot be compressed, so that its side decides its size. */
function noise(side: number): Promise<Buffer> {
  const raw = randomBytes(side * side * 3);
  return sharp(raw, { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function isListening(port: number): Promise<void> {
  const tryOnce = () =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
    });
  while (!(await tryOnce())) await pause(50);
}
