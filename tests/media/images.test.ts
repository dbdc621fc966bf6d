import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import sharp from 'sharp';
import { config } from '../../src/config';
import { imageFile, inspectImage, prepareJpeg, storeImage } from '../../src/media/images';
import { decodeHeic, withProfile } from '../../src/media/heif';
import { makeUploadFolders } from '../../src/media/uploads';
import { colourAt, distance, p3ToSrgb, profileOf, quarterColours } from '../fixtures/colours';
import {
  animatedPng,
  animation,
  blank,
  claimedHeif,
  claimedPng,
  cut,
  noise,
  pngChunk,
  pngSignature,
  withPngChunk,
} from '../fixtures/pictures';

const sample = path.resolve(__dirname, '../../docs/sample.jpg');

const clip = path.resolve(__dirname, '../fixtures/clip.mp4');
const heic = (name: string) => readFileSync(path.resolve(__dirname, `../fixtures/${name}.heic`));

const filesIn = (name: string) => readdirSync(path.join(config.UPLOAD_DIR, name));
const stored = async (bytes: Buffer) => imageFile((await storeImage(bytes)).image_path);

beforeAll(makeUploadFolders);

describe('an upload', () => {
  test.each([
    ['png', 'image/png', 'png'],
    ['jpeg', 'image/jpeg', 'jpg'],
    ['webp', 'image/webp', 'webp'],
  ] as const)('an upload stores a picture as %s under a random name and finds it again', async (format, mime, ext) => {
    const bytes = await blank(300, 200).toFormat(format).toBuffer();
    const picture = await storeImage(bytes);
    expect(picture).toEqual({
      image_path: expect.stringMatching(new RegExp(`^uploads/images/[0-9a-f]{32}\\.${ext}$`)) as string,
      image_url: `/${picture.image_path}`,
      width: 300,
      height: 200,
      size: bytes.length,
      mime,
    });
    expect(readFileSync(imageFile(picture.image_path))).toEqual(bytes);
    expect(filesIn('tmp')).toEqual([]);
  });

  test('an upload measures a picture as it is seen when the camera was held upright', async () => {
    const bytes = await blank(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await inspectImage(bytes)).toEqual({ bytes, width: 200, height: 300, mime: 'image/jpeg', ext: 'jpg' });
  });

  const html = Buffer.from('<!doctype html><script>alert(1)</script>');
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script/></svg>');
  const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ['an HTML page named .png', () => html, 'UNSUPPORTED_FILE'],
    ['an SVG', () => svg, 'UNSUPPORTED_FILE'],
    ['a GIF', () => gif, 'UNSUPPORTED_FILE'],
    ['a TIFF', () => blank(99, 99).tiff().toBuffer(), 'UNSUPPORTED_FILE'],
    ['an empty file', () => Buffer.alloc(0), 'UNSUPPORTED_FILE'],
    ['an animated WebP', async () => (await animation()).webp().toBuffer(), 'UNSUPPORTED_FILE'],
    ['an animated PNG', async () => animatedPng(await blank(80, 80).png().toBuffer()), 'UNSUPPORTED_FILE'],
    ['an animated AVIF', () => Buffer.from('\0\0\0\x18ftypavis', 'latin1'), 'UNSUPPORTED_FILE'],
    ['a video', () => readFileSync(clip), 'UNSUPPORTED_FILE'],
    ['half an AVIF', async () => cut(await noise(300, 300).avif().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a HEIC', () => cut(heic('plain'), 0.9), 'IMAGE_UNREADABLE'],
    ['only the first bytes of a HEIC', () => heic('plain').subarray(0, 24), 'IMAGE_UNREADABLE'],
    ['a HEIC of 900 megapixels', () => claimedHeif(heic('plain'), 30_000, 30_000), 'IMAGE_TOO_BIG'],
    ['a HEIC of 32 pixels', () => claimedHeif(heic('plain'), 320, 32), 'IMAGE_TOO_SMALL'],
    ['an HTML page behind the first bytes of a PNG', () => Buffer.concat([pngSignature, html]), 'IMAGE_UNREADABLE'],
    ['only the first bytes of a JPEG', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'IMAGE_UNREADABLE'],
    ['half a PNG', async () => cut(await noise(300, 300).png().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a JPEG', async () => cut(await noise(300, 300).jpeg().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a WebP', async () => cut(await noise(300, 300).webp().toBuffer()), 'IMAGE_UNREADABLE'],
    ['a side of 63 pixels', () => blank(63, 400).png().toBuffer(), 'IMAGE_TOO_SMALL'],
    ['a side of 8193 pixels', () => claimedPng(8193, 100), 'IMAGE_TOO_BIG'],
    ['more than 40 megapixels', () => claimedPng(8000, 5001), 'IMAGE_TOO_BIG'],
    ['a decompression bomb of 900 megapixels', () => claimedPng(30_000, 30_000), 'IMAGE_TOO_BIG'],
  ])('an upload refuses %s and leaves nothing behind', async (_, make, code) => {
    const before = [filesIn('images'), filesIn('tmp')];
    await expect(storeImage(await make())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/; (send|make|save) .*\.$/) as string,
    });
    expect([filesIn('images'), filesIn('tmp')]).toEqual(before);
  });

  test('an upload takes a still PNG whose text holds the letters of an animation, and one that counts a single frame', async () => {
    const still = await blank(80, 80).png().toBuffer();
    const workflow = pngChunk('tEXt', Buffer.from('workflow\0{"image":"acTLacTL"}', 'latin1'));
    for (const bytes of [withPngChunk(still, workflow), animatedPng(still, 1)]) {
      expect(await inspectImage(bytes)).toMatchObject({ bytes, ext: 'png' });
    }
  });

  test('an upload stores an AVIF as a JPEG, and a transparent one as a WebP', async () => {
    const opaque = await storeImage(await blank(300, 200).avif().toBuffer());
    expect(opaque).toMatchObject({ width: 300, height: 200, mime: 'image/jpeg' });
    expect(opaque.image_path).toMatch(/\.jpg$/);
    expect(opaque.size).toBe(readFileSync(imageFile(opaque.image_path)).length);
    const clear = { width: 100, height: 100, channels: 4 as const, background: { r: 0, g: 0, b: 0, alpha: 0 } };
    const general = await blank(300, 200).avif().toBuffer();
    general.write('mif1', 8, 'latin1');
    expect(await storeImage(general)).toMatchObject({ mime: 'image/jpeg', width: 300 });
    const { image_path: imagePath, mime } = await storeImage(await sharp({ create: clear }).avif().toBuffer());
    expect(mime).toBe('image/webp');
    expect(await sharp(imageFile(imagePath)).metadata()).toMatchObject({ format: 'webp', hasAlpha: true });
  });

  test('an upload takes sides of 64 and 8192 pixels', async () => {
    const bytes = await blank(64, 8192).png().toBuffer();
    expect(await inspectImage(bytes)).toMatchObject({ width: 64, height: 8192 });
  });

  test('an upload is looked for inside the folder of images only', () => {
    expect(imageFile('uploads/images/../../../.env')).toBe(path.join(config.UPLOAD_DIR, 'images', '.env'));
  });
});

describe('a HEIC upload', () => {
  test('a HEIC upload becomes an upright JPEG with its colour profile', async () => {
    const picture = await storeImage(heic('p3-rotated'));
    expect(picture).toMatchObject({ width: 192, height: 320, mime: 'image/jpeg' });
    const jpeg = readFileSync(imageFile(picture.image_path));
    const { format, width, height, icc, orientation } = await sharp(jpeg).metadata();
    expect({ format, width, height, orientation }).toEqual({
      format: 'jpeg',
      width: 192,
      height: 320,
      orientation: undefined,
    });
    expect(icc).toEqual(await profileOf('p3'));
    const { A, B, C, D } = quarterColours;
    const sent = await prepareJpeg(imageFile(picture.image_path), { maxBytes: 1e6 });
    for (const [x, y, colour] of [
      [0.25, 0.25, C],
      [0.75, 0.25, A],
      [0.25, 0.75, D],
      [0.75, 0.75, B],
    ] as const) {
      expect(distance(await colourAt(jpeg, x, y), p3ToSrgb(colour))).toBeLessThan(12);
      expect(distance(await colourAt(sent, x, y), p3ToSrgb(colour))).toBeLessThan(12);
    }
  });

  test('a HEIC upload of ten bits keeps its colours', async () => {
    const { image_path: imagePath } = await storeImage(heic('p3-ten-bits'));
    const sent = await prepareJpeg(imageFile(imagePath), { maxBytes: 1e6 });
    expect(distance(await colourAt(sent, 0.5, 0.5), p3ToSrgb([200, 40, 40]))).toBeLessThan(6);
  });

  test('a HEIC upload without a profile is a JPEG without one, white where it was transparent', async () => {
    const plain = readFileSync(imageFile((await storeImage(heic('plain'))).image_path));
    expect((await sharp(plain).metadata()).hasProfile).toBe(false);
    expect(distance(await colourAt(plain, 0.25, 0.25), quarterColours.A)).toBeLessThan(6);
    const white = readFileSync(imageFile((await storeImage(heic('transparent'))).image_path));
    expect(distance(await colourAt(white, 0.25, 0.25), [255, 255, 255])).toBeLessThan(6);
  });

  test('a HEIC upload carries a profile that is longer than one segment', async () => {
    const long = Buffer.concat([await profileOf('srgb'), Buffer.alloc(150_000)]);
    long.writeUInt32BE(long.length, 0);
    const jpeg = withProfile(await blank(80, 80).jpeg().toBuffer(), long);
    expect((await sharp(jpeg).metadata()).icc).toEqual(long);
  });

  test('a HEIC upload leaves the event loop free while it is decoded', async () => {
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    await storeImage(heic('forty-megapixels'));
    delays.disable();
    expect(delays.max / 1e6).toBeLessThan(250);
  });

  test.each([
    ['memory', { maxBytes: 50 * 1024 ** 2, timeoutMs: 30_000 }, /./],
    ['time', { maxBytes: 640 * 1024 ** 2, timeoutMs: 1 }, /took more than 1 ms/],
  ])('a HEIC upload is given up when it takes too much %s', async (_what, limits, words) => {
    await expect(decodeHeic(heic('forty-megapixels'), limits)).rejects.toThrow(words);
  });
});

describe('the JPEG for a provider', () => {
  const sizeOf = async (jpeg: Buffer) => {
    const { format, width, height, orientation } = await sharp(jpeg).metadata();
    return { format, width, height, orientation };
  };

  test.each([
    ['16:9', 1600, 900],
    ['9:16', 506, 900],
    ['1:1', 900, 900],
    ['21:9', 1600, 686],
  ] as const)('the JPEG for a provider is cropped to %s', async (aspectRatio, width, height) => {
    const jpeg = await prepareJpeg(sample, { aspectRatio, maxBytes: 3_300_000 });
    expect(await sizeOf(jpeg)).toMatchObject({ width, height });
  });

  test('the JPEG for a provider is upright without the rotation mark, and leaves the original untouched', async () => {
    const bytes = await blank(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const file = await stored(bytes);
    const expected = { format: 'jpeg', width: 200, height: 300, orientation: undefined };
    expect(await sizeOf(await prepareJpeg(file, { maxBytes: 1e6 }))).toEqual(expected);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('the JPEG for a provider keeps the middle of the picture', async () => {
    const stripe = { create: { width: 100, height: 300, channels: 3 as const, background: '#f00' } };
    const bytes = await blank(900, 300)
      .composite([{ input: stripe, left: 400, top: 0 }])
      .png()
      .toBuffer();
    const jpeg = await prepareJpeg(await stored(bytes), { aspectRatio: '1:1', maxBytes: 1e6 });
    const middle = await sharp(jpeg).extract({ left: 140, top: 100, width: 20, height: 100 }).png().toBuffer();
    expect((await sharp(middle).stats()).channels[0]?.mean).toBeGreaterThan(230);
  });

  test('the JPEG for a provider stays inside the ratios, sides and bytes that the receiver takes', async () => {
    const wide = await stored(await noise(3000, 600).jpeg().toBuffer());
    const clamped = await prepareJpeg(wide, { clampRatio: [0.5, 2], maxBytes: 1e7 });
    expect(await sizeOf(clamped)).toMatchObject({ width: 1200, height: 600 });
    const long = await prepareJpeg(wide, { longestSide: 1568, maxBytes: 150_000 });
    expect(await sizeOf(long)).toMatchObject({ width: 1568, height: 314 });
    expect(long.length).toBeLessThanOrEqual(150_000);
    const small = await stored(await blank(200, 100).png().toBuffer());
    const enlarged = await prepareJpeg(small, { shortestSide: 300, maxBytes: 1e6 });
    expect(await sizeOf(enlarged)).toMatchObject({ width: 600, height: 300 });
  });

  test('the JPEG for a provider shows white where the picture is transparent', async () => {
    const clear = { width: 100, height: 100, channels: 4 as const, background: { r: 0, g: 0, b: 0, alpha: 0 } };
    const file = await stored(await sharp({ create: clear }).png().toBuffer());
    const { channels } = await sharp(await prepareJpeg(file, { maxBytes: 1e6 })).stats();
    expect(channels.map(({ mean }) => mean)).toEqual([255, 255, 255]);
  });

  test('the JPEG for a provider is refused with a sentence when the picture is gone', async () => {
    await expect(prepareJpeg('/nowhere.png', { maxBytes: 1e6 })).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});
