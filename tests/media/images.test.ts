import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { config } from '../../src/config';
import { imageFile, inspectImage, prepareJpeg, storeImage } from '../../src/media/images';
import { makeUploadFolders } from '../../src/media/uploads';
import { animatedPng, animation, blank, claimedPng, cut, noise, pngSignature } from '../fixtures/pictures';

const sample = path.resolve(__dirname, '../../docs/sample.jpg');

const filesIn = (name: string) => readdirSync(path.join(config.UPLOAD_DIR, name));
const stored = async (bytes: Buffer) => imageFile((await storeImage(bytes)).image_path);

beforeAll(makeUploadFolders);

describe('an upload', () => {
  test.each([
    ['png', 'image/png', 'png'],
    ['jpeg', 'image/jpeg', 'jpg'],
    ['webp', 'image/webp', 'webp'],
  ] as const)('stores a picture as %s under a random name and finds it again', async (format, mime, ext) => {
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

  test('measures a picture as it is seen when the camera was held upright', async () => {
    const bytes = await blank(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await inspectImage(bytes)).toEqual({ width: 200, height: 300, mime: 'image/jpeg', ext: 'jpg' });
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
    ['an HTML page behind the first bytes of a PNG', () => Buffer.concat([pngSignature, html]), 'IMAGE_UNREADABLE'],
    ['only the first bytes of a JPEG', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'IMAGE_UNREADABLE'],
    ['half a PNG', async () => cut(await noise(300, 300).png().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a JPEG', async () => cut(await noise(300, 300).jpeg().toBuffer()), 'IMAGE_UNREADABLE'],
    ['half a WebP', async () => cut(await noise(300, 300).webp().toBuffer()), 'IMAGE_UNREADABLE'],
    ['a side of 63 pixels', () => blank(63, 400).png().toBuffer(), 'IMAGE_TOO_SMALL'],
    ['a side of 8193 pixels', () => claimedPng(8193, 100), 'IMAGE_TOO_BIG'],
    ['more than 40 megapixels', () => claimedPng(8000, 5001), 'IMAGE_TOO_BIG'],
    ['a decompression bomb of 900 megapixels', () => claimedPng(30_000, 30_000), 'IMAGE_TOO_BIG'],
  ])('refuses %s and leaves nothing behind', async (_, make, code) => {
    const before = [filesIn('images'), filesIn('tmp')];
    await expect(storeImage(await make())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/; (send|make|save) .*\.$/) as string,
    });
    expect([filesIn('images'), filesIn('tmp')]).toEqual(before);
  });

  test('takes sides of 64 and 8192 pixels', async () => {
    const bytes = await blank(64, 8192).png().toBuffer();
    expect(await inspectImage(bytes)).toMatchObject({ width: 64, height: 8192 });
  });

  test('is looked for inside the folder of images only', () => {
    expect(imageFile('uploads/images/../../../.env')).toBe(path.join(config.UPLOAD_DIR, 'images', '.env'));
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
  ] as const)('is cropped to %s', async (aspectRatio, width, height) => {
    const jpeg = await prepareJpeg(sample, { aspectRatio, maxBytes: 3_300_000 });
    expect(await sizeOf(jpeg)).toMatchObject({ width, height });
  });

  test('is upright without the rotation mark, and leaves the original untouched', async () => {
    const bytes = await blank(300, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const file = await stored(bytes);
    const expected = { format: 'jpeg', width: 200, height: 300, orientation: undefined };
    expect(await sizeOf(await prepareJpeg(file, { maxBytes: 1e6 }))).toEqual(expected);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('keeps the middle of the picture', async () => {
    const stripe = { create: { width: 100, height: 300, channels: 3 as const, background: '#f00' } };
    const bytes = await blank(900, 300)
      .composite([{ input: stripe, left: 400, top: 0 }])
      .png()
      .toBuffer();
    const jpeg = await prepareJpeg(await stored(bytes), { aspectRatio: '1:1', maxBytes: 1e6 });
    const middle = await sharp(jpeg).extract({ left: 140, top: 100, width: 20, height: 100 }).png().toBuffer();
    expect((await sharp(middle).stats()).channels[0]?.mean).toBeGreaterThan(230);
  });

  test('stays inside the ratios, sides and bytes that the receiver takes', async () => {
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
