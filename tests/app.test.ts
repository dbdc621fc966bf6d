import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { blank } from './fixtures/pictures';
import { send, server, useServer } from './helpers/tabs';

useServer();

test('the documents describe every route and every message', async () => {
  const openapi = (await server.get('/openapi.json')).body;
  expect(openapi.openapi).toMatch(/^3\.1/);
  expect(Object.keys(openapi.paths).sort()).toEqual(
    [
      '/api/ai/suggest',
      '/api/batches',
      '/api/costs',
      '/api/costs/settle',
      '/api/export/cancel',
      '/api/export/delete',
      '/api/export/film',
      '/api/export/package',
      '/api/exports',
      '/api/films',
      '/api/generate/batch',
      '/api/generate/cancel',
      '/api/generate/video',
      '/api/options',
      '/api/trash',
      '/api/upload/audio',
      '/api/upload/image',
      '/api/workspaces',
      '/health',
    ].sort(),
  );
  const asyncapi = (await server.get('/asyncapi.json')).body;
  expect(asyncapi.asyncapi).toMatch(/^3\.0/);
  expect(JSON.stringify(asyncapi)).toContain('workspace.choose_take');
});

test.each([
  '/nothing',
  '/api',
  '/api/',
  '/api/workspaces/1',
  '/.env',
  '/package.json',
  '/dist/server.js',
  '/src/server.ts',
])('%s is 404 in JSON', async (address) => {
  const answer = await send('GET', address);
  expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' });
});

const takesGet = 'GET, HEAD';
const routes: [string, string][] = [
  ['/api/upload/image', 'POST'],
  ['/api/films', takesGet],
  ['/api/upload/audio', 'POST'],
  ['/api/workspaces', takesGet],
  ['/api/generate/video', 'POST'],
  ['/api/generate/cancel', 'POST'],
  ['/api/ai/suggest', 'POST'],
  ['/api/options', takesGet],
  ['/health', takesGet],
  ['/openapi.json', takesGet],
  ['/asyncapi.json', takesGet],
  ['/docs/', takesGet],
  ['/uploads/images/none.png', takesGet],
];

test.each(routes)(
  'a method that %s does not take is 405, and Allow names those that it takes',
  async (address, allow) => {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'];
    for (const method of methods.filter((name) => !allow.split(', ').includes(name))) {
      const { status, headers, code } = await send(method, address, ['Content-Length: 0']);
      expect({ method, status, allow: headers.allow?.replaceAll(' ', '') }).toEqual({
        method,
        status: 405,
        allow: allow.replaceAll(' ', ''),
      });
      if (method !== 'HEAD') expect(code).toBe('METHOD_NOT_ALLOWED');
    }
  },
);

test.each(routes.filter(([, allow]) => allow === takesGet))(
  'HEAD of %s answers as GET does, with no body',
  async (address) => {
    const get = await send('GET', address);
    const head = await send('HEAD', address);
    expect(head.status).toBe(get.status);
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
    expect(head.text).toBe('');
  },
);

test('no cache keeps an error or the answer to a click', async () => {
  expect((await send('GET', '/api/nothing')).headers['cache-control']).toBe('no-store');
  const click = await send('POST', '/api/generate/video', ['Content-Type: application/json'], '{}');
  expect(click.headers['cache-control']).toBe('no-store');
});

describe('a stored file', () => {
  let url: string;
  let bytes: Buffer;
  let picture: Buffer;

  beforeAll(async () => {
    picture = await blank(96, 64).png().toBuffer();
    bytes = Buffer.concat([picture, Buffer.from('<script>alert(1)</script>')]);
    url = (await server.upload(bytes, 'evil.html')).body.image_url;
  });

  test.each([
    ['png', 'image/png'],
    ['jpg', 'image/jpeg'],
    ['webp', 'image/webp'],
  ])('a stored %s is served as %s and cannot be taken for anything else', async (kind, type) => {
    const format = kind === 'jpg' ? 'jpeg' : (kind as 'png' | 'webp');
    const { body } = await server.upload(await blank(80, 80).toFormat(format).toBuffer(), 'page.html');
    const { status, headers } = await send('GET', body.image_url, ['Accept: text/html']);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type });
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-site',
      'content-security-policy': expect.stringMatching(
        /sandbox.*frame-ancestors 'self'|frame-ancestors 'self'.*sandbox/,
      ),
      'accept-ranges': 'bytes',
    });
    expect(headers.vary?.toLowerCase()).toContain('origin');
  });

  const range = (value: string, more: string[] = []) => send('GET', url, [`Range: ${value}`, ...more]);

  test.each([
    ['bytes=0-3', (all: Buffer) => [0, 3, all.length]],
    ['bytes=4-', (all: Buffer) => [4, all.length - 1, all.length]],
    ['bytes=-5', (all: Buffer) => [all.length - 5, all.length - 1, all.length]],
    ['bytes=10-9999999', (all: Buffer) => [10, all.length - 1, all.length]],
  ])('the range %s of a stored file is answered with 206', async (value, expected) => {
    const [from, to, length] = expected(bytes) as [number, number, number];
    const answer = await range(value);
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${from}-${to}/${length}`);
    expect(answer.headers['content-length']).toBe(String(to - from + 1));
  });

  test('a range that a stored file does not have is 416 in JSON, and one that makes no sense is the whole file', async () => {
    const beyond = await range('bytes=9999999-');
    expect(beyond.status).toBe(416);
    expect(beyond.headers['content-range']).toBe(`bytes */${bytes.length}`);
    expect(beyond.code).toEqual(expect.any(String));
    for (const value of ['lines=0-3', 'bytes=x-y', 'bytes=']) {
      const { status } = await range(value);
      expect([value, [200, 416].includes(status)]).toEqual([value, true]);
    }
  });

  test('a stored file is 304 while its ETag matches, and a range of another version is the whole file', async () => {
    const { headers } = await send('GET', url);
    expect(headers.etag).toEqual(expect.any(String));
    const unchanged = await send('GET', url, [`If-None-Match: ${headers.etag}`]);
    expect(unchanged).toMatchObject({ status: 304, text: '' });
    expect((await send('GET', url, ['If-None-Match: "other"'])).status).toBe(200);
    expect((await range('bytes=0-3', ['If-Range: "other"'])).status).toBe(200);
  });

  test('no file is served through a link that leads elsewhere', async () => {
    const images = path.join(server.folder, 'uploads', 'images');
    const outside = path.join(server.folder, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'secret.png'), picture);
    await symlink(path.join(outside, 'secret.png'), path.join(images, 'link.png'));
    await symlink('/etc/passwd', path.join(images, 'passwd.png'));
    await symlink(outside, path.join(images, 'folder'));
    await symlink(outside, path.join(server.folder, 'uploads', 'more'));
    await symlink(path.join(outside, 'secret.png'), path.join(server.folder, 'uploads', 'videos', 'link.mp4'));
    for (const address of [
      'images/link.png',
      'images/passwd.png',
      'images/folder/secret.png',
      'more/secret.png',
      'videos/link.mp4',
    ]) {
      expect([address, await send('GET', `/uploads/${address}`)]).toEqual([
        address,
        expect.objectContaining({ status: 404, code: 'NOT_FOUND' }),
      ]);
    }
  });

  test('neither the mark of the folder nor what lies in the trash is served', async () => {
    const uploads = path.join(server.folder, 'uploads');
    expect(JSON.parse(await readFile(path.join(uploads, '.owner'), 'utf8'))).toMatchObject({ id: expect.any(String) });
    await writeFile(path.join(uploads, 'trash', 'old.png'), picture);
    for (const address of ['.owner', 'trash/old.png', 'images/../trash/old.png', 'images/%2e%2e/trash/old.png']) {
      const answer = await send('GET', `/uploads/${address}`);
      expect([address, answer]).toEqual([address, expect.objectContaining({ status: 404, code: 'NOT_FOUND' })]);
    }
  });

  test.each([
    '',
    '/',
    '/images',
    '/images/',
    '/tmp/',
    '/videos/none.mp4',
    '/../package.json',
    '/../../etc/passwd',
    '/images/../../.env',
    '/images/..%2f..%2f.env',
    '/images/%2e%2e/%2e%2e/.env',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/images/..%5c..%5c.env',
    '/images//etc/passwd',
    '/images/a.png%00.html',
    '/images/.hidden.png',
    '/images/a.svg',
    '/images/a.html',
    '//evil.example/a.png',
    `/images/${'a'.repeat(3000)}.png`,
  ])('nothing is served at /uploads%s', async (address) => {
    const answer = await send('GET', `/uploads${address}`);
    expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});
