import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, utimes, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import nock from 'nock';
import sharp from 'sharp';
import { config } from '../../src/config';
import { imageFile, inspectImage, prepareJpeg, storeImage } from '../../src/media/images';
import { makeUploadFolders, sweepTmp } from '../../src/media/uploads';
import { adoptVideo, fetchVideo, hasVideo, makePoster, videoFile, videoUrl } from '../../src/media/videos';
import { isPublicAddress, lookupPublic } from '../../src/utils/public-address';

const root = path.resolve(__dirname, '../..');
const sample = path.join(root, 'docs/sample.jpg');
const clip = readFileSync(path.join(root, 'tests/fixtures/clip.mp4'));

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#37c' } });

const filesIn = (name: string) => readdirSync(path.join(config.UPLOAD_DIR, name));

// ---- small forgeries

const chunk = (name: string, data: Buffer) => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};

const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

function pngHeader(width: number, height: number): Buffer {
  const facts = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  facts.writeUInt32BE(width, 0);
  facts.writeUInt32BE(height, 4);
  return chunk('IHDR', facts);
}

/** A png whose header promises more pixels than the file could ever hold. */
const bomb = (width: number, height: number) =>
  Buffer.concat([
    pngSignature,
    pngHeader(width, height),
    chunk('IDAT', deflateSync(Buffer.alloc(1000))),
    chunk('IEND', Buffer.alloc(0)),
  ]);

async function animatedPng(): Promise<Buffer> {
  const still = await picture(80, 80).png().toBuffer();
  const afterHeader = pngSignature.length + pngHeader(1, 1).length;
  const control = chunk('acTL', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]));
  return Buffer.concat([still.subarray(0, afterHeader), control, still.subarray(afterHeader)]);
}

async function animatedWebp(): Promise<Buffer> {
  const frames = await Promise.all(
    ['#f00', '#00f'].map((background) =>
      sharp({ create: { width: 80, height: 80, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  return sharp(frames, { join: { animated: true } })
    .webp({ delay: [100, 100] })
    .toBuffer();
}

const noise = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 60 } },
  });

const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));

beforeAll(makeUploadFolders);

describe('a picture that is uploaded', () => {
  test.each([
    ['png', 'image/png', 'png'],
    ['jpeg', 'image/jpeg', 'jpg'],
    ['webp', 'image/webp', 'webp'],
  ] as const)('is taken as %s, stored under a random name and found again', async (format, mime, ext) => {
    const bytes = await picture(300, 200).toFormat(format).toBuffer();
    const stored = await storeImage(bytes);
    expect(stored).toEqual({
      image_path: expect.stringMatching(new RegExp(`^uploads/images/[0-9a-f]{32}\\.${ext}$`)) as string,
      image_url: `/${stored.image_path}`,
      width: 300,
      height: 200,
      size: bytes.length,
      mime,
    });
    expect(readFileSync(imageFile(stored.image_path))).toEqual(bytes);
    expect(filesIn('tmp')).toEqual([]);
  });

  test('is measured as it is seen when the camera was held upright', async () => {
    const bytes = await picture(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await inspectImage(bytes)).toEqual({ width: 200, height: 300, mime: 'image/jpeg', ext: 'jpg' });
  });

  const html = Buffer.from('<!doctype html><script>alert(1)</script>');
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script/></svg>');
  const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['an HTML page named .png', () => html, 'UNSUPPORTED_FILE'],
    ['an SVG', () => svg, 'UNSUPPORTED_FILE'],
    ['a GIF', () => gif, 'UNSUPPORTED_FILE'],
    ['a TIFF', () => picture(99, 99).tiff().toBuffer(), 'UNSUPPORTED_FILE'],
    ['an empty file', () => Buffer.alloc(0), 'UNSUPPORTED_FILE'],
    ['an animated WebP', animatedWebp, 'UNSUPPORTED_FILE'],
    ['an animated PNG', animatedPng, 'UNSUPPORTED_FILE'],
    ['an HTML page behind the first bytes of a PNG', () => Buffer.concat([pngSignature, html]), 'IMAGE_UNREADABLE'],
    ['only the first bytes of a JPEG', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'IMAGE_UNREADABLE'],
    ['half a PNG', async () => half(await noise(300, 300).png().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a JPEG', async () => half(await noise(300, 300).jpeg().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a WebP', async () => half(await noise(300, 300).webp().toBuffer()), 'IMAGE_UNREADABLE'],
    ['a side of 63 pixels', () => picture(63, 400).png().toBuffer(), 'IMAGE_TOO_SMALL'],
    ['a side of 8193 pixels', () => bomb(8193, 100), 'IMAGE_TOO_BIG'],
    ['more than 40 megapixels', () => bomb(8000, 5001), 'IMAGE_TOO_BIG'],
    ['a decompression bomb of 900 megapixels', () => bomb(30_000, 30_000), 'IMAGE_TOO_BIG'],
  ])('is refused when it is %s, and leaves nothing behind', async (_, make, code) => {
    const before = [filesIn('images'), filesIn('tmp')];
    await expect(storeImage(await make())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/; (send|make|save) .*\.$/) as string,
    });
    expect([filesIn('images'), filesIn('tmp')]).toEqual(before);
  });

  test('may have sides of 64 and 8192 pixels', async () => {
    expect(await inspectImage(await picture(64, 8192).png().toBuffer())).toMatchObject({ width: 64, height: 8192 });
  });

  test('is looked for inside the folder of images only', () => {
    expect(imageFile('uploads/images/../../../.env')).toBe(path.join(config.UPLOAD_DIR, 'images', '.env'));
  });
});

describe('the JPEG for a provider', () => {
  const stored = async (bytes: Buffer) => imageFile((await storeImage(bytes)).image_path);
  const sizeOf = async (jpeg: Buffer) => {
    const { format, width, height, orientation } = await sharp(jpeg).metadata();
    return { format, width, height, orientation };
  };

  test.each([
    ['16:9', 1600, 900],
    ['9:16', 506, 900],
    ['1:1', 900, 900],
    ['21:9', 1600, 686],
  ] as const)('is cropped to %s', async (aspectRatio, width, height) => {
    expect(await sizeOf(await prepareJpeg(sample, { aspectRatio, maxBytes: 3_300_000 }))).toMatchObject({
      width,
      height,
    });
  });

  test('is upright without the rotation mark, and the original is untouched', async () => {
    const bytes = await picture(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const file = await stored(bytes);
    const expected = { format: 'jpeg', width: 200, height: 300, orientation: undefined };
    expect(await sizeOf(await prepareJpeg(file, { maxBytes: 1e6 }))).toEqual(expected);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('keeps the middle of the picture', async () => {
    const stripe = { create: { width: 100, height: 300, channels: 3 as const, background: '#f00' } };
    const bytes = await picture(900, 300)
      .composite([{ input: stripe, left: 400, top: 0 }])
      .png()
      .toBuffer();
    const jpeg = await prepareJpeg(await stored(bytes), { aspectRatio: '1:1', maxBytes: 1e6 });
    const middle = await sharp(jpeg).extract({ left: 140, top: 100, width: 20, height: 100 }).png().toBuffer();
    expect((await sharp(middle).stats()).channels[0]?.mean).toBeGreaterThan(230);
  });

  test('stays inside the ratios, sides and bytes that the receiver takes', async () => {
    const wide = await stored(await noise(3000, 600).jpeg().toBuffer());
    expect(await sizeOf(await prepareJpeg(wide, { clampRatio: [0.5, 2], maxBytes: 1e7 }))).toMatchObject({
      width: 1200,
      height: 600,
    });
    const long = await prepareJpeg(wide, { longestSide: 1568, maxBytes: 150_000 });
    expect(await sizeOf(long)).toMatchObject({ width: 1568, height: 314 });
    expect(long.length).toBeLessThanOrEqual(150_000);
    const small = await stored(await picture(200, 100).png().toBuffer());
    expect(await sizeOf(await prepareJpeg(small, { shortestSide: 300, maxBytes: 1e6 }))).toMatchObject({
      width: 600,
      height: 300,
    });
  });

  test('shows white where the picture is transparent', async () => {
    const clear = { width: 100, height: 100, channels: 4 as const, background: { r: 0, g: 0, b: 0, alpha: 0 } };
    const file = await stored(await sharp({ create: clear }).png().toBuffer());
    const { channels } = await sharp(await prepareJpeg(file, { maxBytes: 1e6 })).stats();
    expect(channels.map(({ mean }) => mean)).toEqual([255, 255, 255]);
  });

  test('is refused with a sentence when the picture is gone', async () => {
    await expect(prepareJpeg('/nowhere.png', { maxBytes: 1e6 })).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});

describe('the download of a video', () => {
  let server: http.Server;
  let origin: string;
  let answer: http.RequestListener;
  let asked: string[];
  let attempts = 0;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => (asked = []));
  afterEach(() => nock.cleanAll());
  afterAll(() => {
    nock.restore();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  const fetchFrom = async (url: string, maxBytes?: number) => {
    attempts += 1;
    const attemptId = `attempt-${attempts}`;
    await fetchVideo({ provider: 'Double', url, attemptId, maxBytes });
    return attemptId;
  };

  const expectRefusal = async (url: string, maxBytes?: number) => {
    await expect(fetchFrom(url, maxBytes)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(hasVideo(`attempt-${attempts}`)).toBe(false);
    expect(filesIn('tmp')).toEqual([]);
  };

  const send =
    (body: Buffer | string, headers: http.OutgoingHttpHeaders = {}, status = 200): http.RequestListener =>
    (_, response) =>
      response.writeHead(status, headers).end(body);

  test.each([{ 'content-type': 'video/mp4' }, { 'content-type': 'binary/octet-stream' }, {}])(
    'is stored byte by byte, with the headers %j',
    async (headers) => {
      answer = send(clip, headers);
      const attemptId = await fetchFrom(`${origin}/clip`);
      expect(readFileSync(videoFile(attemptId))).toEqual(clip);
      expect(hasVideo(attemptId)).toBe(true);
      expect(videoUrl(attemptId)).toBe(`/uploads/videos/${attemptId}.mp4`);
      expect(filesIn('tmp')).toEqual([]);
    },
  );

  test('follows three redirects, relative ones too, and not a fourth', async () => {
    answer = (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end();
      else response.writeHead(200, { 'content-type': 'video/mp4' }).end(clip);
    };
    expect(hasVideo(await fetchFrom(`${origin}/3`))).toBe(true);
    expect(asked).toEqual(['/3', '/2', '/1', '/0']);
    await expectRefusal(`${origin}/4`);
  });

  test.each<[string, () => http.RequestListener]>([
    ['a page', () => send('<!doctype html>', { 'content-type': 'text/html' })],
    ['a video by its bytes with the type of a page', () => send(clip, { 'content-type': 'text/html; charset=utf-8' })],
    ['a page with the type of a video', () => send('<!doctype html>', { 'content-type': 'video/mp4' })],
    ['nothing', () => send('', { 'content-type': 'video/mp4' })],
    ['404', () => send('gone', {}, 404)],
    ['a redirect without an address', () => send('', {}, 302)],
    ['a redirect to a file', () => send('', { location: 'file:///etc/passwd' }, 302)],
    [
      'less than it announced',
      () => (_, response) => {
        response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': clip.length });
        response.write(half(clip), () => response.destroy());
      },
    ],
    [
      'a cut without an announcement',
      () => (_, response) => {
        response.writeHead(200, { 'content-type': 'video/mp4' });
        response.write(half(clip), () => response.destroy());
      },
    ],
  ])('is DOWNLOAD_FAILED when the answer is %s, and leaves nothing behind', async (_, make) => {
    answer = make();
    await expectRefusal(`${origin}/clip`);
  });

  test('stops at the largest size', async () => {
    answer = send(clip, { 'content-type': 'video/mp4' });
    await expectRefusal(`${origin}/clip`, clip.length - 1);
    expect(hasVideo(await fetchFrom(`${origin}/clip`, clip.length))).toBe(true);
  });

  test('is not led from a public address to this machine or its network', async () => {
    answer = send(clip, { 'content-type': 'video/mp4' });
    const port = new URL(origin).port;
    const targets = [`${origin}/x`, `http://localhost:${port}/x`, `https://127.1:${port}/x`, `https://[::1]:${port}/x`];
    targets.push(`https://[::ffff:127.0.0.1]:${port}/x`, `https://2130706433:${port}/x`, 'https://169.254.169.254/x');
    for (const location of targets) {
      nock('https://cdn.example.com').get('/clip').reply(302, '', { location });
      await expectRefusal('https://cdn.example.com/clip');
    }
    expect(asked).toEqual([]);
  });

  test.each([
    'http://cdn.example.com/a.mp4',
    'https://user:secret@cdn.example.com/a',
    'ftp://127.0.0.1/a',
    'https://10.0.0.1/a',
    'no address',
  ])('does not even ask %s', async (url) => {
    const scope = nock(/cdn\.example\.com/)
      .get(/.*/)
      .reply(200, clip);
    await expectRefusal(url);
    expect(scope.isDone()).toBe(false);
  });

  test('does not connect to a name that resolves to this machine', async () => {
    const error = await new Promise((resolve) => lookupPublic('localhost', { all: true }, resolve));
    expect(error).toMatchObject({ message: 'localhost is not at a public address' });

    const connected = jest.fn();
    server.on('connection', connected);
    const failure = await fetchFrom(`https://${os.hostname()}:${new URL(origin).port}/x`).catch(
      (thrown: Error) => thrown,
    );
    expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(String((failure as Error).cause)).toMatch(/not at a public address|ENOTFOUND|EAI_AGAIN/);
    expect(connected).not.toHaveBeenCalled();
  });

  test.each([
    ['8.8.8.8', true],
    ['2606:4700::1111', true],
    ['10.1.2.3', false],
    ['100.64.0.1', false],
    ['127.0.0.1', false],
    ['169.254.169.254', false],
    ['172.31.255.255', false],
    ['172.32.0.1', true],
    ['192.168.0.1', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::1', false],
    ['::ffff:8.8.8.8', false],
    ['64:ff9b::7f00:1', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['2001:db8::1', false],
    ['2002:7f00:1::', false],
    ['localhost', false],
  ])('counts %s as public: %s', (address, expected) => {
    expect(isPublicAddress(address)).toBe(expected);
  });
});

describe('a video that was made on this machine', () => {
  test('is moved, not copied', async () => {
    const file = path.join(os.tmpdir(), `made-${process.pid}.mp4`);
    await writeFile(file, clip);
    await adoptVideo({ file, attemptId: 'made-here' });
    expect(readFileSync(videoFile('made-here'))).toEqual(clip);
    expect(existsSync(file)).toBe(false);
  });

  test('is refused when it is no mp4', async () => {
    const file = path.join(os.tmpdir(), `wrong-${process.pid}.mp4`);
    await writeFile(file, 'not a video');
    await expect(adoptVideo({ file, attemptId: 'wrong' })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(hasVideo('wrong')).toBe(false);
  });
});

describe('the poster', () => {
  test('is a JPEG of the size of the video', async () => {
    await writeFile(videoFile('with-poster'), clip);
    expect(await makePoster('with-poster')).toBe('/uploads/videos/with-poster.jpg');
    const file = path.join(config.UPLOAD_DIR, 'videos/with-poster.jpg');
    expect((await sharp(file).metadata()).format).toBe('jpeg');
    expect(statSync(file).size).toBeGreaterThan(500);
  });

  test('is null for a video that cannot be decoded', async () => {
    await writeFile(videoFile('broken'), Buffer.concat([Buffer.from('\0\0\0\x10ftypisom'), Buffer.alloc(500)]));
    expect(await makePoster('broken')).toBeNull();
    expect(filesIn('videos')).not.toContain('broken.jpg');
  });
});

describe('ffmpeg', () => {
  const ask = async (call: string, environment: Record<string, string>) => {
    const script = `Promise.resolve(require('./src/services/media').${call}).then((value) => console.log(String(value)))`;
    const options = { env: { ...process.env, ...environment }, cwd: root };
    const { stdout } = await promisify(execFile)(process.execPath, [require.resolve('tsx/cli'), '-e', script], options);
    return stdout.trim();
  };

  test('is the packaged one on a machine without it, and makes posters too', async () => {
    await writeFile(videoFile('packaged'), clip);
    expect(await ask('ffmpegPath()', { PATH: '/nowhere' })).toContain('@ffmpeg-installer');
    expect(await ask("makePoster('packaged')", { PATH: '/nowhere' })).toBe('/uploads/videos/packaged.jpg');
  });
});

test('what a killed process left in tmp is gone after the sweep, and the work of another one stays', async () => {
  const inTmp = (name: string) => path.join(config.UPLOAD_DIR, 'tmp', name);
  await mkdir(inTmp('old-folder'), { recursive: true });
  for (const name of ['old-file', 'young-file']) await copyFile(sample, inTmp(name));
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  for (const name of ['old-folder', 'old-file']) await utimes(inTmp(name), ago(61), ago(61));
  await utimes(inTmp('young-file'), ago(59), ago(59));
  await sweepTmp();
  expect(filesIn('tmp')).toEqual(['young-file']);
});
