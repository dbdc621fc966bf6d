import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
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
import { filesOf } from '../helpers/stored';
import { send, server, useServer } from '../helpers/tabs';
import { portOf, toRequest } from '../helpers/wire';

useServer();

let stalls: Awaited<ReturnType<typeof watchStalls>>;
let picture: Buffer;

beforeAll(async () => {
  stalls = await watchStalls(server.wsUrl);
  picture = await blank(96, 64).png().toBuffer();
});

afterAll(() => stalls.stop());

const maxUploadBytes = 10_485_760;
const maxStallMs = 100;
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

const uploadRaw = (body: Buffer, type = `multipart/form-data; boundary=${boundary}`) => {
  const headers = ['Connection: close', `Content-Type: ${type}`, ...(body.length ? [] : ['Content-Length: 0'])];
  return send('POST', '/api/upload/image', headers, body);
};

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

test('at least 60 files and requests are tried', () => {
  expect(items.length).toBeGreaterThanOrEqual(60);
  expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
});

test('stores a PNG, a JPEG or a WebP within the limits, whatever its name says', () =>
  check(({ expected }) => expected === 201));

test('refuses anything else with the code that says why, and leaves nothing on the disk', () =>
  check(({ expected }) => expected !== 201));

test('an upload never holds up the other users for more than 100 ms', async () => {
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

test('an upload is answered with the size as the picture is seen', async () => {
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

test('a stored picture gets a name that nobody can guess', async () => {
  const names = new Set<string>();
  for (let index = 0; index < 20; index++) names.add((await server.upload(picture)).body.image_path);
  expect(names.size).toBe(20);
  const random = [...names].map((name) => /\/([A-Za-z0-9_-]{22,})\.png$/.exec(name)?.[1]);
  expect(random).not.toContain(undefined);
  expect(new Set(random.map((name) => name!.slice(0, 6))).size).toBe(20);
});

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

test('an upload waits for its turn while four others are slow, and is answered then', async () => {
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

test('an upload that is broken off leaves nothing behind and takes no place, not even before its turn', async () => {
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
