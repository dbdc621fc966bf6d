import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import {
  animatedPng,
  animation,
  blank,
  claimedJpeg,
  claimedPng,
  cut,
  emptyPng,
  noise,
  pngSignature,
} from '../fixtures/pictures';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { changeStored, filesOf, portOf, sendRaw, toRequest, type RawAnswer } from './wire';

const maxUploadBytes = 10_485_760;
const maxStallMs = 100;
const nobody = 'f'.repeat(24);
const boundary = 'part';

type Expected =
  | 201
  | 'INVALID_INPUT'
  | 'UNSUPPORTED_FILE'
  | 'IMAGE_UNREADABLE'
  | 'IMAGE_TOO_BIG'
  | 'IMAGE_TOO_SMALL'
  | 'FILE_TOO_LARGE';
const statuses = {
  201: 201,
  INVALID_INPUT: 400,
  UNSUPPORTED_FILE: 415,
  IMAGE_UNREADABLE: 422,
  IMAGE_TOO_BIG: 422,
  IMAGE_TOO_SMALL: 422,
  FILE_TOO_LARGE: 413,
};
type Item = { name: string; expected: Expected; type?: string; body: Buffer };

let server: TestServer;
let socket: TestSocket;
let stalls: Awaited<ReturnType<typeof watchStalls>>;
let picture: Buffer;

beforeAll(async () => {
  server = await startServer({ RUNWAY_API_KEY: '' });
  socket = await connect(server.wsUrl);
  stalls = await watchStalls(server.wsUrl);
  picture = await blank(96, 64).png().toBuffer();
});

afterAll(async () => {
  await stalls.stop();
  socket.close();
  expect(await server.stop()).toBe(0);
});

const http = (method: string, address: string, headers: string[] = [], body: string | Buffer = '') => {
  const port = portOf(server.url);
  return sendRaw(port, toRequest(method, address, [`Host: 127.0.0.1:${port}`, 'Connection: close', ...headers], body));
};
const uploadRaw = (body: Buffer, type = `multipart/form-data; boundary=${boundary}`) =>
  http('POST', '/api/upload/image', [`Content-Type: ${type}`, ...(body.length ? [] : ['Content-Length: 0'])], body);
const create = async (data: object = {}): Promise<string> =>
  (await socket.ask({ type: 'workspace.create', data })).workspace._id;

// ---- pictures and parts

const part = (disposition: string, content: Buffer | string, headers: string[] = []): Buffer =>
  Buffer.concat([
    Buffer.from([`--${boundary}`, `Content-Disposition: ${disposition}`, ...headers, '', ''].join('\r\n')),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
const end = Buffer.from(`--${boundary}--\r\n`);
const file = (content: Buffer, name = 'a.png', headers: string[] = []) =>
  part(`form-data; name="image"; filename="${name}"`, content, headers);
const form = (...parts: Buffer[]) => Buffer.concat([...parts, end]);

const ascii = (text: string, length = 2000) => Buffer.from(text.padEnd(length, '\n'), 'latin1');

async function pictures(): Promise<[string, Expected, Buffer][]> {
  const [png, jpeg, webp, gif] = await Promise.all([
    blank(96, 64).png().toBuffer(),
    blank(640, 360).jpeg().toBuffer(),
    blank(96, 64).webp().toBuffer(),
    blank(96, 64).gif().toBuffer(),
  ]);
  const grain = noise(256, 256);
  const [noisePng, noiseJpeg, noiseWebp] = await Promise.all([
    grain.clone().png().toBuffer(),
    grain.clone().jpeg().toBuffer(),
    grain.clone().webp().toBuffer(),
  ]);
  const animated = await animation();
  const broken = Buffer.from(noisePng);
  broken.fill(0x55, 200, 400);
  const zip = Buffer.from('PK\x03\x04' + 'evil.html'.repeat(50), 'latin1');
  const html = '<!doctype html><script>alert(document.domain)</script>';
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><script>alert(1)</script></svg>';
  const exact = Buffer.concat([png, Buffer.alloc(maxUploadBytes - png.length)]);
  return [
    ['a PNG', 201, png],
    ['a JPEG', 201, jpeg],
    ['a WebP', 201, webp],
    ['a PNG with transparency', 201, await sharp(png).ensureAlpha(0.5).png().toBuffer()],
    ['a PNG of 16 bits', 201, await sharp(png).toColourspace('rgb16').png().toBuffer()],
    ['a PNG with a palette', 201, await sharp(png).png({ palette: true }).toBuffer()],
    ['an interlaced PNG', 201, await sharp(png).png({ progressive: true }).toBuffer()],
    ['a grey JPEG', 201, await sharp(jpeg).greyscale().jpeg().toBuffer()],
    ['a progressive JPEG', 201, await sharp(jpeg).jpeg({ progressive: true }).toBuffer()],
    ['a CMYK JPEG', 201, await sharp(jpeg).toColourspace('cmyk').jpeg().toBuffer()],
    ['a lossless WebP', 201, await sharp(png).webp({ lossless: true }).toBuffer()],
    ['a PNG of 64 x 64', 201, await blank(64, 64).png().toBuffer()],
    ['a PNG of 8192 x 64', 201, await blank(8192, 64).png().toBuffer()],
    ['a PNG of 64 x 8192', 201, await blank(64, 8192).png().toBuffer()],
    ['a JPEG of 40 megapixels', 201, await blank(8000, 5000).jpeg({ quality: 20 }).toBuffer()],
    ['a PNG with a zip behind it', 201, Buffer.concat([png, zip])],
    ['a PNG with a page behind it', 201, Buffer.concat([png, Buffer.from(html)])],
    ['a picture of exactly 10 MiB', 201, exact],
    ['a picture of 10 MiB and a byte', 'FILE_TOO_LARGE', Buffer.concat([exact, Buffer.alloc(1)])],
    ['12 MiB of zeros', 'FILE_TOO_LARGE', Buffer.alloc(12 * 1024 ** 2)],
    ['an empty file', 'UNSUPPORTED_FILE', Buffer.alloc(0)],
    ['a text', 'UNSUPPORTED_FILE', ascii('hello')],
    ['a page', 'UNSUPPORTED_FILE', ascii(html)],
    ['an SVG with a script', 'UNSUPPORTED_FILE', ascii(svg)],
    ['an SVG with an XML head', 'UNSUPPORTED_FILE', ascii(`<?xml version="1.0"?>${svg}`)],
    [
      'an XML that names a file',
      'UNSUPPORTED_FILE',
      ascii('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>'),
    ],
    ['a GIF', 'UNSUPPORTED_FILE', gif],
    ['a GIF that is a page too', 'UNSUPPORTED_FILE', ascii(`GIF89a/*${html}*/`)],
    ['a moving GIF', 'UNSUPPORTED_FILE', await animated.clone().gif().toBuffer()],
    ['a moving WebP', 'UNSUPPORTED_FILE', await animated.clone().webp().toBuffer()],
    ['a moving PNG', 'UNSUPPORTED_FILE', animatedPng(png)],
    ['a TIFF', 'UNSUPPORTED_FILE', await blank(96, 64).tiff().toBuffer()],
    ['half an AVIF', 'IMAGE_UNREADABLE', cut(await blank(96, 64).avif({ effort: 0 }).toBuffer())],
    ['an animated AVIF', 'UNSUPPORTED_FILE', ascii('\x00\x00\x00\x18ftypavis')],
    ['a BMP', 'UNSUPPORTED_FILE', ascii('BM\x36\x30\x00\x00')],
    ['an icon', 'UNSUPPORTED_FILE', ascii('\x00\x00\x01\x00\x01\x00')],
    ['the head of a HEIC', 'IMAGE_UNREADABLE', ascii('\x00\x00\x00\x18ftypheic')],
    ['a JPEG XL', 'UNSUPPORTED_FILE', ascii('\xff\x0a')],
    ['a JPEG 2000', 'UNSUPPORTED_FILE', ascii('\x00\x00\x00\x0cjP  \r\n\x87\n')],
    ['a PSD', 'UNSUPPORTED_FILE', ascii('8BPS\x00\x01')],
    ['a PDF', 'UNSUPPORTED_FILE', ascii('%PDF-1.7')],
    ['a zip', 'UNSUPPORTED_FILE', zip],
    ['an mp4', 'UNSUPPORTED_FILE', await readFile(path.resolve(__dirname, '../fixtures/clip.mp4'))],
    ['a program', 'UNSUPPORTED_FILE', ascii('\x7fELF\x02\x01\x01')],
    ['a shell script', 'UNSUPPORTED_FILE', ascii('#!/bin/sh\nid')],
    ['a WAV', 'UNSUPPORTED_FILE', ascii('RIFF\x24\x00\x00\x00WAVEfmt ')],
    [
      'a PNG sent as text',
      'UNSUPPORTED_FILE',
      Buffer.concat([Buffer.from('\x89PNG\n\x1a\n', 'latin1'), png.subarray(8)]),
    ],
    ['a PNG behind a byte order mark', 'UNSUPPORTED_FILE', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), png])],
    ['two bytes of a JPEG', 'UNSUPPORTED_FILE', Buffer.from([0xff, 0xd8])],
    ['half a PNG', 'IMAGE_UNREADABLE', cut(noisePng)],
    ['half a JPEG', 'IMAGE_UNREADABLE', cut(noiseJpeg)],
    ['half a WebP', 'IMAGE_UNREADABLE', cut(noiseWebp)],
    ['nine tenths of a PNG', 'IMAGE_UNREADABLE', cut(noisePng, 0.9)],
    ['the head of a PNG', 'IMAGE_UNREADABLE', pngSignature],
    ['the header of a PNG without pixels', 'IMAGE_UNREADABLE', emptyPng(png)],
    ['the head of a JPEG', 'IMAGE_UNREADABLE', Buffer.from([0xff, 0xd8, 0xff])],
    ['the head of a WebP', 'IMAGE_UNREADABLE', ascii('RIFF\x24\x00\x00\x00WEBPVP8 ')],
    ['a PNG with damaged pixels', 'IMAGE_UNREADABLE', broken],
    ['a page with the head of a PNG', 'IMAGE_UNREADABLE', Buffer.concat([pngSignature, Buffer.from(html)])],
    [
      'a page with the head of a JPEG',
      'IMAGE_UNREADABLE',
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from(html)]),
    ],
    ['a PNG with fewer pixels than it claims', 'IMAGE_UNREADABLE', claimedPng(500, 500)],
    ['a PNG of 8193 x 64', 'IMAGE_TOO_BIG', await blank(8193, 64).png().toBuffer()],
    ['a PNG of 64 x 8193', 'IMAGE_TOO_BIG', await blank(64, 8193).png().toBuffer()],
    ['a PNG of more than 40 megapixels', 'IMAGE_TOO_BIG', claimedPng(6400, 6400)],
    ['a PNG that unpacks to 2.7 GB', 'IMAGE_TOO_BIG', claimedPng(30_000, 30_000)],
    ['a PNG of two thousand million pixels a side', 'IMAGE_UNREADABLE', claimedPng(2_147_483_647, 2_147_483_647)],
    ['a JPEG that claims 65500 pixels a side', 'IMAGE_TOO_BIG', claimedJpeg(jpeg, 65_500, 65_500)],
    ['a PNG of 63 x 64', 'IMAGE_TOO_SMALL', await blank(63, 64).png().toBuffer()],
    ['a PNG of 64 x 63', 'IMAGE_TOO_SMALL', await blank(64, 63).png().toBuffer()],
    ['a WebP of one pixel', 'IMAGE_TOO_SMALL', await blank(1, 1).webp().toBuffer()],
  ];
}

function requests(): [string, Expected, Buffer, string?][] {
  const text = (name: string, value = 'x') => part(`form-data; name="${name}"`, value);
  const named = (name: string) => part(`form-data; name="${name}"; filename="a.png"`, picture);
  const nested = `a${'[a]'.repeat(5000)}`;
  const names = [
    '../../x.png',
    '..\\\\..\\\\x.png',
    '/etc/cron.d/x',
    '.htaccess',
    'page.html',
    'x.php%00.png',
    '图片.png',
    `${'n'.repeat(300)}.png`,
    'CON',
    'a b;c.png',
    '%2e%2e%2fx',
  ];
  return [
    ...names.map((name): [string, Expected, Buffer] => [
      `the file name ${name.slice(0, 20)}`,
      201,
      form(file(picture, name)),
    ]),
    ['a part that calls itself a page', 201, form(file(picture, 'a.html', ['Content-Type: text/html']))],
    ['a boundary in quotes', 201, form(file(picture)), `multipart/form-data; boundary="${boundary}"`],
    ['no part', 'INVALID_INPUT', form()],
    ['no byte', 'INVALID_INPUT', Buffer.alloc(0)],
    ['a text instead of the file', 'INVALID_INPUT', form(text('image'))],
    ['a text beside the file', 'INVALID_INPUT', form(text('title'), file(picture))],
    ['a text behind the file', 'INVALID_INPUT', form(file(picture), text('title'))],
    ['two files', 'INVALID_INPUT', form(file(picture), file(picture, 'b.png'))],
    ['a file in another field', 'INVALID_INPUT', form(named('photo'))],
    ['a second file in another field', 'INVALID_INPUT', form(file(picture), named('photo'))],
    ['a file in image[]', 'INVALID_INPUT', form(named('image[]'))],
    ['a file in image[0]', 'INVALID_INPUT', form(named('image[0]'))],
    ['a file in __proto__', 'INVALID_INPUT', form(named('__proto__'))],
    ['a text in __proto__', 'INVALID_INPUT', form(text('__proto__'), file(picture))],
    ['a text at a huge index', 'INVALID_INPUT', form(text('a[4294967293]'), text('a[x]'))],
    ['a text at a huge index with a file', 'INVALID_INPUT', form(text('image[4294967293]'), file(picture))],
    ['a text 5000 levels deep', 'INVALID_INPUT', form(text(nested))],
    ['a file 5000 levels deep', 'INVALID_INPUT', form(named(nested))],
    ['a field name of 10 000 letters', 'INVALID_INPUT', form(named('n'.repeat(10_000)))],
    ['a text of 1 MB', 'INVALID_INPUT', form(text('title', 'x'.repeat(1_000_000)))],
    [
      '500 texts',
      'INVALID_INPUT',
      form(...Array.from({ length: 500 }, (_, index) => text(`f${index}`, 'x'.repeat(2000)))),
    ],
    ['500 files', 'INVALID_INPUT', form(...Array.from({ length: 500 }, () => file(picture)))],
    [
      '1000 headers of a part',
      'INVALID_INPUT',
      form(
        file(
          picture,
          'a.png',
          Array.from({ length: 1000 }, (_, index) => `X-${index}: y`),
        ),
        text('x'),
      ),
    ],
    ['a header of 100 KB', 'INVALID_INPUT', form(file(picture, 'a.png', [`X: ${'y'.repeat(100_000)}`]))],
    ['a part without a name', 'INVALID_INPUT', form(part('form-data; filename="a.png"', picture))],
    [
      'a part without a disposition',
      'INVALID_INPUT',
      form(Buffer.concat([Buffer.from(`--${boundary}\r\n\r\n`), picture, Buffer.from('\r\n')])),
    ],
    [
      'a part that is an attachment',
      'INVALID_INPUT',
      form(part('attachment; name="image"; filename="a.png"', picture)),
    ],
    ['no end', 'INVALID_INPUT', file(picture)],
    ['half a part', 'INVALID_INPUT', Buffer.from(`--${boundary}\r\nContent-Disposition: form-da`)],
    ['another boundary', 'INVALID_INPUT', form(file(picture)), 'multipart/form-data; boundary=other'],
    ['no boundary', 'INVALID_INPUT', form(file(picture)), 'multipart/form-data'],
    ['an empty boundary', 'INVALID_INPUT', form(file(picture)), 'multipart/form-data; boundary='],
    ['a JSON body', 'INVALID_INPUT', Buffer.from('{"image":"x"}')],
    [
      'lines that end in LF only',
      'INVALID_INPUT',
      Buffer.from(
        form(file(ascii('x')))
          .toString('latin1')
          .replaceAll('\r\n', '\n'),
        'latin1',
      ),
    ],
  ];
}

describe('an upload', () => {
  let items: Item[];

  beforeAll(async () => {
    const files = (await pictures()).map(([name, expected, bytes]) => ({ name, expected, body: form(file(bytes)) }));
    items = [...files, ...requests().map(([name, expected, body, type]) => ({ name, expected, body, type }))];
  });

  const check = async (kind: (item: Item) => boolean) => {
    const wrong: object[] = [];
    for (const { name, expected, body, type } of items.filter(kind)) {
      const before = await filesOf(server.folder);
      const answer = await uploadRaw(body, type);
      const after = await filesOf(server.folder);
      const found = answer.code ?? answer.status;
      const added = after.length - before.length;
      if (found !== expected || answer.status !== statuses[expected] || added !== (expected === 201 ? 1 : 0)) {
        wrong.push({ name, expected, found, status: answer.status, added, text: answer.text.slice(0, 200) });
      }
    }
    expect(wrong).toEqual([]);
  };

  test('is tried with at least 60 files and requests', () => {
    expect(items.length).toBeGreaterThanOrEqual(60);
    expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
  });

  test('of a PNG, a JPEG or a WebP within the limits is stored, whatever its name says', () =>
    check(({ expected }) => expected === 201));

  test('of anything else is refused with the code that says why, and leaves nothing on the disk', () =>
    check(({ expected }) => expected !== 201));

  test('never holds up the other users for more than 100 ms', async () => {
    const slow: object[] = [];
    for (const { name, body, type } of items) {
      // Another program can take the processor away once; what the upload itself holds up comes back each time.
      let shortestMs = Infinity;
      for (let round = 0; round < 6 && shortestMs > maxStallMs; round++) {
        await stalls.take();
        await uploadRaw(body, type);
        shortestMs = Math.min(shortestMs, await stalls.take());
      }
      if (shortestMs > maxStallMs) slow.push({ name, shortestMs });
    }
    expect(slow).toEqual([]);
  });

  test('tells the size as the picture is seen', async () => {
    const turned = await blank(300, 200).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    const { status, body } = await server.upload(turned, 'turned.jpg');
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        image_path: expect.stringMatching(/^uploads\/images\/[A-Za-z0-9_-]+\.jpg$/),
        image_url: `/${body.image_path}`,
        width: 200,
        height: 300,
        size: turned.length,
        mime: 'image/jpeg',
      },
    });
    expect(await readFile(path.join(server.folder, body.image_path))).toEqual(turned);
  });

  test('gets a name that nobody can guess', async () => {
    const names = new Set<string>();
    for (let index = 0; index < 20; index++) names.add((await server.upload(picture)).body.image_path);
    expect(names.size).toBe(20);
    const random = [...names].map((name) => /\/([A-Za-z0-9_-]{22,})\.png$/.exec(name)?.[1]);
    expect(random).not.toContain(undefined);
    expect(new Set(random.map((name) => name!.slice(0, 6))).size).toBe(20);
  });
});

describe('a stored file', () => {
  let url: string;
  let bytes: Buffer;

  beforeAll(async () => {
    bytes = Buffer.concat([picture, Buffer.from('<script>alert(1)</script>')]);
    url = (await server.upload(bytes, 'evil.html')).body.image_url;
  });

  test.each([
    ['png', 'image/png'],
    ['jpg', 'image/jpeg'],
    ['webp', 'image/webp'],
  ])('of the kind %s is served as %s and cannot be taken for anything else', async (kind, type) => {
    const format = kind === 'jpg' ? 'jpeg' : (kind as 'png' | 'webp');
    const { body } = await server.upload(await blank(80, 80).toFormat(format).toBuffer(), 'page.html');
    const { status, headers } = await http('GET', body.image_url, ['Accept: text/html']);
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

  const range = (value: string, more: string[] = []) => http('GET', url, [`Range: ${value}`, ...more]);

  test.each([
    ['bytes=0-3', (all: Buffer) => [0, 3, all.length]],
    ['bytes=4-', (all: Buffer) => [4, all.length - 1, all.length]],
    ['bytes=-5', (all: Buffer) => [all.length - 5, all.length - 1, all.length]],
    ['bytes=10-9999999', (all: Buffer) => [10, all.length - 1, all.length]],
  ])('answers the range %s with 206', async (value, expected) => {
    const [from, to, length] = expected(bytes) as [number, number, number];
    const answer = await range(value);
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${from}-${to}/${length}`);
    expect(answer.headers['content-length']).toBe(String(to - from + 1));
  });

  test('answers a range that it does not have with 416 in JSON, and one that makes no sense with the whole file', async () => {
    const beyond = await range('bytes=9999999-');
    expect(beyond.status).toBe(416);
    expect(beyond.headers['content-range']).toBe(`bytes */${bytes.length}`);
    expect(beyond.code).toEqual(expect.any(String));
    for (const value of ['lines=0-3', 'bytes=x-y', 'bytes=']) {
      const { status } = await range(value);
      expect([value, [200, 416].includes(status)]).toEqual([value, true]);
    }
  });

  test('is 304 while its ETag matches, and a range of another version is the whole file', async () => {
    const { headers } = await http('GET', url);
    expect(headers.etag).toEqual(expect.any(String));
    const unchanged = await http('GET', url, [`If-None-Match: ${headers.etag}`]);
    expect(unchanged).toMatchObject({ status: 304, text: '' });
    expect((await http('GET', url, ['If-None-Match: "other"'])).status).toBe(200);
    expect((await range('bytes=0-3', ['If-Range: "other"'])).status).toBe(200);
  });

  test('is not reached through a link that leads elsewhere', async () => {
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
      expect([address, await http('GET', `/uploads/${address}`)]).toEqual([
        address,
        expect.objectContaining({ status: 404, code: 'NOT_FOUND' }),
      ]);
    }
  });

  test('is neither the mark of the folder nor what lies in the trash', async () => {
    const uploads = path.join(server.folder, 'uploads');
    expect(JSON.parse(await readFile(path.join(uploads, '.owner'), 'utf8'))).toMatchObject({ id: expect.any(String) });
    await writeFile(path.join(uploads, 'trash', 'old.png'), picture);
    for (const address of ['.owner', 'trash/old.png', 'images/../trash/old.png', 'images/%2e%2e/trash/old.png']) {
      const answer = await http('GET', `/uploads/${address}`);
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
  ])('is not at /uploads%s', async (address) => {
    const answer = await http('GET', `/uploads${address}`);
    expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});

describe('the timeline', () => {
  test('is 304 until something changes', async () => {
    const _id = await create();
    const first = await http('GET', '/api/workspaces');
    const match = [`If-None-Match: ${first.headers.etag}`];
    expect(await http('GET', '/api/workspaces', match)).toMatchObject({ status: 304, text: '' });
    await socket.ask({ type: 'workspace.update', workspace_id: _id, updates: { 'form_data.prompt': 'x' } });
    expect((await http('GET', '/api/workspaces', match)).status).toBe(200);
  });

  test('leaves out a document that does not fit and shows the others', async () => {
    const [good, bad] = [await create(), await create()];
    await changeStored(server.env.MONGODB_URI!, bad, { 'form_data.duration_s': 'soon' });
    const { status, body } = await server.get('/api/workspaces');
    const ids = body.workspaces.map(({ _id }: { _id: string }) => _id);
    expect(status).toBe(200);
    expect(ids).toContain(good);
    expect(ids).not.toContain(bad);
    await changeStored(server.env.MONGODB_URI!, bad, { 'form_data.duration_s': 5 });
  });
});

const isError = (answer: { status: number; body: unknown }, status: number, code: string) =>
  expect(answer).toMatchObject({ status, body: { error: { code, message: expect.stringMatching(/^[A-Z].*[.!]$/) } } });

describe('a generation', () => {
  const video = (body: object, headers?: Record<string, string>) => server.post('/api/generate/video', body, headers);
  const cancel = (body: object) => server.post('/api/generate/cancel', body);
  const withImage = async () => create({ image_path: (await server.upload(picture)).body.image_path });

  test('of an unknown workspace is 404, and so is its end', async () => {
    isError(await video({ workspace_id: nobody }), 404, 'WORKSPACE_NOT_FOUND');
    isError(await cancel({ workspace_id: nobody }), 404, 'WORKSPACE_NOT_FOUND');
  });

  test('without an image is 409, and ending what is not generating too', async () => {
    const workspace_id = await create();
    isError(await video({ workspace_id }), 409, 'IMAGE_MISSING');
    isError(await cancel({ workspace_id }), 409, 'NOT_GENERATING');
  });

  test('by a provider without a file is refused with the names of those that have one', async () => {
    const answer = await video({ workspace_id: await withImage(), provider: 'sora' });
    isError(answer, 400, 'INVALID_INPUT');
    for (const name of ['runway', 'pika', 'kling', 'local']) expect(JSON.stringify(answer.body)).toContain(name);
  });

  test('by a provider without a key is 503', async () => {
    isError(await video({ workspace_id: await withImage(), provider: 'runway' }), 503, 'PROVIDER_NOT_CONFIGURED');
  });

  test.each<[string, object]>([
    ['no workspace', {}],
    ['an unknown key', { workspace_id: nobody, now: true }],
    ['a provider that is no text', { workspace_id: nobody, provider: 1 }],
    ['an empty provider', { workspace_id: nobody, provider: '' }],
    ['a path as provider', { workspace_id: nobody, provider: '../config' }],
    ['a request_id that does not fit', { workspace_id: nobody, request_id: 'a b' }],
    ['a consent that is no boolean', { workspace_id: nobody, accept_second_charge: 'yes' }],
  ])('with %s is INVALID_INPUT', async (_name, body) => {
    const answer = await video(body);
    if ('provider' in body && body.provider === '../config') expect([400, 404]).toContain(answer.status);
    else isError(answer, 400, 'INVALID_INPUT');
  });

  test('with an Idempotency-Key that does not fit, or another than its request_id, is INVALID_INPUT', async () => {
    const workspace_id = await withImage();
    isError(await video({ workspace_id }, { 'Idempotency-Key': 'a b' }), 400, 'INVALID_INPUT');
    isError(await video({ workspace_id, request_id: 'a' }, { 'Idempotency-Key': 'b' }), 400, 'INVALID_INPUT');
  });

  test('clicked twice is accepted once, and the same click again gets the first answer', async () => {
    const workspace_id = await withImage();
    const [one, two] = await Promise.all([
      video({ workspace_id, request_id: 'one' }),
      video({ workspace_id, request_id: 'two' }),
    ]);
    expect([one.status, two.status].sort()).toEqual([202, 409]);
    const [accepted, refused, name] = one.status === 202 ? [one, two, 'one'] : [two, one, 'two'];
    isError(refused, 409, 'VIDEO_IN_PROGRESS');
    const again = await video({ workspace_id }, { 'Idempotency-Key': name });
    expect(again.status).toBe(202);
    expect(again.body.video.attempt_id).toBe(accepted.body.video.attempt_id);

    const ended = await cancel({ workspace_id });
    expect(ended).toMatchObject({
      status: 200,
      body: { workspace_id, video: { status: 'failed', error: { code: 'CANCELLED' } } },
    });
    isError(await cancel({ workspace_id }), 409, 'NOT_GENERATING');
  });

  test('after an answer that was lost needs the consent to a second charge', async () => {
    const workspace_id = await withImage();
    const error = { code: 'SUBMIT_UNKNOWN', message: 'The answer was lost.', charged: 'maybe' };
    await changeStored(server.env.MONGODB_URI!, workspace_id, {
      'video.status': 'failed',
      'video.error': error,
      'video.provider': 'runway',
      'video.attempt_id': 'lost',
    });
    isError(await video({ workspace_id }), 409, 'SECOND_CHARGE_POSSIBLE');
    isError(await video({ workspace_id, accept_second_charge: false }), 409, 'SECOND_CHARGE_POSSIBLE');
    expect((await video({ workspace_id, accept_second_charge: true })).status).toBe(202);
    expect((await cancel({ workspace_id })).status).toBe(200);
  });
});

describe('a suggestion', () => {
  const suggest = (body: object) => server.post('/api/ai/suggest', body);

  test('is stored before it is answered, told to every tab, and the same request_id gets the same one', async () => {
    const workspace_id = await create();
    const since = socket.frames.length;
    const message = '让画面更有电影感';
    const first = await suggest({ workspace_id, message, request_id: 'ask-1' });
    expect(first).toMatchObject({ status: 200, body: { workspace_id, entry: { message, provider: 'local' } } });
    const [again, later] = await Promise.all([
      suggest({ workspace_id, message, request_id: 'ask-1' }),
      suggest({ workspace_id, message, request_id: 'ask-1' }),
    ]);
    expect(again.body).toEqual(first.body);
    expect(later.body).toEqual(first.body);
    const { body } = await server.get('/api/workspaces');
    const stored = body.workspaces.find(({ _id }: { _id: string }) => _id === workspace_id);
    expect(stored.ai_collaboration).toEqual([first.body.entry]);
    const told = await socket.next(
      ({ type, workspace_id: about }) => type === 'ai.suggestion' && about === workspace_id,
      since,
    );
    expect(told).toEqual({ type: 'ai.suggestion', workspace_id, entry: first.body.entry, version: stored.version });
  });

  test('asked twice at once under one request_id is asked once', async () => {
    const workspace_id = await create();
    const both = await Promise.all(
      Array.from({ length: 20 }, () => suggest({ workspace_id, message: 'warmer', request_id: 'at-once' })),
    );
    expect(new Set(both.map(({ body }) => body.entry._id)).size).toBe(1);
  });

  test('takes 1 to 2000 characters', async () => {
    const workspace_id = await create();
    for (const message of ['', 'x'.repeat(2001), null, 7, ['x'], 'a\u0000b', '\ud800'])
      isError(await suggest({ workspace_id, message }), 400, 'INVALID_INPUT');
    expect((await suggest({ workspace_id, message: '光'.repeat(2000) })).status).toBe(200);
    isError(await suggest({ workspace_id: nobody, message: 'x' }), 404, 'WORKSPACE_NOT_FOUND');
    isError(await suggest({ workspace_id, message: 'x', extra: 1 }), 400, 'INVALID_INPUT');
  });

  test('of which there are 50 drops the oldest', async () => {
    const workspace_id = await create();
    const entry = (_: unknown, index: number) => ({
      _id: { $oid: index.toString(16).padStart(24, '0') },
      message: `question ${index}`,
      suggestion: { message: 'x', form_data: {} },
      provider: 'local',
      model: 'rules',
      created_at: { $date: '2026-01-01T00:00:00.000Z' },
    });
    await changeStored(server.env.MONGODB_URI!, workspace_id, { ai_collaboration: Array.from({ length: 50 }, entry) });
    await suggest({ workspace_id, message: 'the newest' });
    const { body } = await server.get('/api/workspaces');
    const { ai_collaboration } = body.workspaces.find(({ _id }: { _id: string }) => _id === workspace_id);
    const messages = ai_collaboration.map(({ message }: { message: string }) => message);
    expect([messages.length, messages[0], messages[49]]).toEqual([50, 'question 1', 'the newest']);
  });
});

test('the documents describe every route and every message', async () => {
  const openapi = (await server.get('/openapi.json')).body;
  expect(openapi.openapi).toMatch(/^3\.1/);
  expect(Object.keys(openapi.paths).sort()).toEqual(
    [
      '/api/ai/suggest',
      '/api/generate/cancel',
      '/api/generate/video',
      '/api/options',
      '/api/upload/image',
      '/api/workspaces',
      '/health',
    ].sort(),
  );
  const asyncapi = (await server.get('/asyncapi.json')).body;
  expect(asyncapi.asyncapi).toMatch(/^3\.0/);
  expect(JSON.stringify(asyncapi)).toContain('workspace.choose_take');
});

test('health tells what the contract names and nothing about the machine', async () => {
  const { status, body } = await server.get('/health');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: 'ok',
    mongodb: 'connected',
    websocket: 'listening',
    jobs: { generating: expect.any(Number), unclear: expect.any(Number) },
    disk_free_ok: true,
    uptime_s: expect.any(Number),
  });
  expect(JSON.stringify(body)).not.toMatch(/\/|_KEY|\d+\.\d+\.\d+/);
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
  const answer: RawAnswer = await http('GET', address);
  expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' });
});

describe('an upload on a slow line', () => {
  const begin = async (share: number) => {
    const port = portOf(server.url);
    const whole = toRequest(
      'POST',
      '/api/upload/image',
      [`Host: 127.0.0.1:${port}`, 'Connection: close', `Content-Type: multipart/form-data; boundary=${boundary}`],
      form(file(picture)),
    );
    const stream = net.connect(port, '127.0.0.1');
    stream.on('error', () => undefined);
    const at = Math.floor(whole.length * share);
    await new Promise((resolve) => stream.write(whole.subarray(0, at), resolve));
    return { stream, rest: whole.subarray(at) };
  };

  test('waits for its turn while four others are slow, and is answered then', async () => {
    const slow = await Promise.all(Array.from({ length: 4 }, () => begin(0.8)));
    await server.get('/api/options');
    const waiting = [server.upload(picture), server.upload(picture)];
    expect((await server.get('/api/workspaces')).status).toBe(200);
    for (const { stream, rest } of slow) {
      stream.write(rest);
      expect(String(((await once(stream, 'data')) as [Buffer])[0])).toMatch(/^HTTP\/1\.1 201/);
      stream.destroy();
    }
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(201);
  }, 10_000);

  test('that is broken off leaves nothing behind and takes no place, not even before its turn', async () => {
    const before = await filesOf(server.folder);
    const working = await Promise.all(Array.from({ length: 4 }, () => begin(0.8)));
    // An answer on another connection comes after the server has met what was sent before.
    await server.get('/api/options');
    const waiting = await Promise.all(Array.from({ length: 8 }, () => begin(0.8)));
    await server.get('/api/options');
    waiting.forEach(({ stream }) => stream.destroy());
    await server.get('/api/options');
    working.forEach(({ stream }) => stream.destroy());
    expect((await server.upload(picture)).status).toBe(201);
    expect(await filesOf(server.folder)).toHaveLength(before.length + 1);
  }, 10_000);
});

/** Pings the server from a thread of its own; `take` tells the longest wait for a pong since the last time, in milliseconds. */
async function watchStalls(url: string) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const WebSocket = require(workerData.ws);
     const socket = new WebSocket(workerData.url);
     let worstMs = 0, startMs = 0, asked = false;
     const ping = () => { startMs = performance.now(); socket.ping(); };
     socket.on('open', () => { parentPort.postMessage('ready'); ping(); });
     socket.on('pong', () => {
       worstMs = Math.max(worstMs, performance.now() - startMs);
       if (asked) { parentPort.postMessage(worstMs); worstMs = 0; asked = false; }
       setTimeout(ping, 2);
     });
     parentPort.on('message', () => { asked = true; });`,
    { eval: true, workerData: { ws: require.resolve('ws'), url } },
  );
  await once(worker, 'message');
  return {
    take: async (): Promise<number> => {
      worker.postMessage('take');
      return ((await once(worker, 'message')) as [number])[0];
    },
    stop: () => worker.terminate(),
  };
}
