import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { config } from '../../src/config';
import { emptyForm } from '../../src/contract/defaults';
import { imageFile, storeImage } from '../../src/media/images';
import { makeUploadFolders } from '../../src/media/uploads';
import { suggest, type LlmRequest } from '../../src/prompts/suggestion';
import kling from '../../src/services/video-kling';
import local from '../../src/services/video-local';
import pika from '../../src/services/video-pika';
import type { VideoJob, VideoProvider } from '../../src/services/provider';
import runway from '../../src/services/video-runway';
import {
  colourAt,
  distance,
  linearGreyProfile,
  linearToSrgb,
  p3ToSrgb,
  pngOf,
  profileOf,
  quarterColours,
  quarters,
  type Colour,
} from '../fixtures/colours';

const { signal } = new AbortController();

const jobOf = (file: string): VideoJob => ({
  attempt_id: randomBytes(8).toString('hex'),
  model: 'm',
  form_data: { ...emptyForm, duration_s: 2 },
  resolution: null,
  audio: false,
  imageFile: file,
  endImageFile: null,
  image: Buffer.alloc(0),
  endImage: null,
  prepared: undefined,
});

async function sentToAssistant(imagePath: string): Promise<Buffer> {
  const requests: LlmRequest[] = [];
  await suggest({
    workspace: { form_data: emptyForm, ai_collaboration: [], image_path: imagePath },
    message: 'which move fits?',
    provider: {
      name: 'fake',
      model: 'fake',
      suggest: (request) => Promise.resolve({ text: String(requests.push(request)), model: 'fake' }),
    },
    target: { name: 'kling', model: kling.models[0]! },
    signal,
  });
  return requests[0]!.imageJpeg!;
}

async function renderedFrom(file: string): Promise<Buffer> {
  const job = jobOf(file);
  expect(await local.submit(job, signal)).toMatchObject({ state: 'accepted' });
  const still = readFileSync(path.join(config.DATA_DIR, 'renders', job.attempt_id, 'still.png'));
  await local.cancel!(job.attempt_id, signal);
  return still;
}

const picture = (provider: VideoProvider) => (imagePath: string) =>
  provider.image!(imageFile(imagePath), jobOf(imageFile(imagePath)));

const receivers: [name: string, sent: (imagePath: string) => Promise<Buffer>][] = [
  ['Kling', picture(kling)],
  ['Runway', picture(runway)],
  ['Pika', picture(pika)],
  ['the assistant', sentToAssistant],
  ['the local renderer', (imagePath) => renderedFrom(imageFile(imagePath))],
];

/** Uploads a picture and expects this colour at its middle, whoever gets it. */
async function expectColour(bytes: Buffer, colour: Colour, tolerance = 4) {
  const { image_path: imagePath } = await storeImage(bytes);
  for (const [name, sent] of receivers) {
    const got = await colourAt(await sent(imagePath), 0.5, 0.5);
    expect({ name, got, isRight: distance(got, colour) <= tolerance }).toEqual({ name, got, isRight: true });
  }
}

const red: Colour = [220, 30, 30];
const green: Colour = [30, 200, 30];
const soft: Colour = [150, 110, 90];

beforeAll(makeUploadFolders);

describe('the colours that are sent', () => {
  test.each<[string, 8 | 16, 'srgb' | 'p3' | null]>([
    ['8 bits without a profile', 8, null],
    ['8 bits with an sRGB profile', 8, 'srgb'],
    ['8 bits with a P3 profile', 8, 'p3'],
    ['16 bits without a profile', 16, null],
    ['16 bits with an sRGB profile', 16, 'srgb'],
    ['16 bits with a P3 profile', 16, 'p3'],
  ])('the colours that are sent are those of a colour-managed viewer for a PNG of %s', async (_what, bits, name) => {
    const icc = name ? await profileOf(name) : undefined;
    for (const colour of [red, green, soft]) {
      await expectColour(pngOf(colour, bits, icc), name === 'p3' ? p3ToSrgb(colour) : colour);
    }
  });

  test.each<[string, 8 | 16, boolean]>([
    ['8 bits', 8, false],
    ['8 bits with a profile', 8, true],
    ['16 bits', 16, false],
    ['16 bits with a profile', 16, true],
  ])(
    'the colours that are sent are those of a colour-managed viewer for greys of %s',
    async (_what, bits, hasProfile) => {
      const grey = hasProfile ? linearToSrgb(100) : 100;
      await expectColour(pngOf([100], bits, hasProfile ? linearGreyProfile() : undefined), [grey, grey, grey]);
    },
  );

  test.each(['jpeg', 'webp', 'avif'] as const)(
    'the colours that are sent are those of a colour-managed viewer for a %s with a P3 profile',
    async (format) => {
      const bytes = await sharp(pngOf(soft, 8, await profileOf('p3')))
        .keepIccProfile()
        .toFormat(format, { quality: 100 })
        .toBuffer();
      await expectColour(bytes, p3ToSrgb(soft), 6);
    },
  );

  test.each([10, 12] as const)(
    'the colours that are sent are those of a colour-managed viewer for an AVIF of %i bits with a P3 profile',
    async (bitdepth) => {
      const bytes = await sharp(pngOf(soft, 16, await profileOf('p3')))
        .withIccProfile('p3')
        .avif({ quality: 95, bitdepth })
        .toBuffer();
      await expectColour(bytes, p3ToSrgb(soft), 6);
    },
  );

  test.each([true, false])(
    'the colours that are sent are those of a colour-managed viewer for a JPEG in CMYK, with its profile: %s',
    async (hasProfile) => {
      const printed = sharp(pngOf(soft, 8)).toColourspace('cmyk').withIccProfile('cmyk');
      const withProfile = await printed.jpeg({ quality: 100 }).toBuffer();
      const bytes = hasProfile ? withProfile : withoutProfile(withProfile);
      expect(await sharp(bytes).metadata()).toMatchObject({ space: 'cmyk', hasProfile });
      // What lcms makes of these inks by the perceptual intent.
      await expectColour(bytes, [149, 103, 71]);
    },
  );

  test('the colours that are sent are those of a colour-managed viewer for a palette, and white where a picture is transparent', async () => {
    await expectColour(await sharp(pngOf(soft, 8)).png({ palette: true, colours: 4 }).toBuffer(), soft);
    const clear = { width: 96, height: 64, channels: 4 as const, background: { r: 200, g: 0, b: 0, alpha: 0 } };
    for (const format of ['png', 'webp', 'avif'] as const) {
      await expectColour(await sharp({ create: clear }).toFormat(format).toBuffer(), [255, 255, 255]);
    }
  });

  test('the colours that are sent are those of a colour-managed viewer for a profile that does not fit its picture, which is left aside', async () => {
    await expectColour(pngOf(soft, 8, linearGreyProfile()), soft);
    await expectColour(pngOf(soft, 16, linearGreyProfile()), soft);
    await expectColour(pngOf(soft, 16, Buffer.from('no profile at all')), soft);
  });
});

// The profile of a JPEG lies in one or more segments of its own.
function withoutProfile(bytes: Buffer): Buffer {
  const at = bytes.indexOf('ICC_PROFILE');
  if (at < 0) return bytes;
  const end = at - 2 + bytes.readUInt16BE(at - 2);
  return withoutProfile(Buffer.concat([bytes.subarray(0, at - 4), bytes.subarray(end)]));
}

const upright = ['ABCD', 'ABCD', 'BADC', 'DCBA', 'CDAB', 'ACBD', 'CADB', 'DBCA', 'BDAC', 'ABCD'];

describe('a picture that is sent', () => {
  const corners = async (bytes: Buffer) => {
    const places = [0.25, 0.75].flatMap((y) => [0.25, 0.75].map((x) => [x, y] as const));
    const found = await Promise.all(places.map(([x, y]) => colourAt(bytes, x, y)));
    const names = Object.keys(quarterColours) as ('A' | 'B' | 'C' | 'D')[];
    return found.map((colour) => names.find((name) => distance(colour, quarterColours[name]) < 16)).join('');
  };

  async function expectCorners(bytes: Buffer, expected: string) {
    const { image_path: imagePath, width, height } = await storeImage(bytes);
    const isTurned = 'ACBD CADB DBCA BDAC'.includes(expected);
    expect({ width, height }).toEqual(isTurned ? { width: 128, height: 192 } : { width: 192, height: 128 });
    for (const [name, sent] of receivers) {
      expect({ name, corners: await corners(await sent(imagePath)) }).toEqual({ name, corners: expected });
    }
  }

  test.each(upright.map((expected, orientation) => [orientation, expected] as const))(
    'a picture is sent as it is seen for a JPEG of orientation %i',
    async (orientation, expected) => {
      const picture = await quarters(192, 128);
      const bytes = await picture.withMetadata({ orientation: 7 }).jpeg({ quality: 95 }).toBuffer();
      // Tag 0x0112 is one SHORT; writers know only 1 to 8.
      const little = bytes.indexOf(Buffer.from([0x12, 0x01, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00]));
      expect(little).toBeGreaterThan(0);
      bytes.writeUInt16LE(orientation, little + 8);
      await expectCorners(bytes, expected);
    },
  );

  test.each(
    (['png', 'webp'] as const).flatMap((format) => [1, 2, 3, 4, 5, 6, 7, 8].map((turn) => [format, turn] as const)),
  )('a picture is sent as it is seen for a %s of orientation %i', async (format, orientation) => {
    const picture = (await quarters(192, 128)).withMetadata({ orientation });
    await expectCorners(await picture.toFormat(format, { quality: 95 }).toBuffer(), upright[orientation]!);
  });
});

describe('files of cameras and phones', () => {
  const photo = async () => (await quarters(192, 128)).jpeg({ quality: 95 }).toBuffer();

  test.each<[string, (jpeg: Buffer) => Buffer]>([
    ['a motion photo, with a clip behind it', (jpeg) => Buffer.concat([jpeg, readFileSync('tests/fixtures/clip.mp4')])],
    ['a Samsung JPEG, with its trailer', (jpeg) => Buffer.concat([jpeg, Buffer.from('\0\0\x01\nImage_UTC_DataSEFT')])],
    ['an MPO, two JPEGs in one file', (jpeg) => Buffer.concat([jpeg, jpeg])],
    ['a JPEG without its end', (jpeg) => jpeg.subarray(0, -2)],
  ])('a file of a camera or a phone is taken: %s', async (_what, make) => {
    const bytes = make(await photo());
    const { image_path: imagePath } = await storeImage(bytes);
    for (const [, sent] of receivers) {
      expect(distance(await colourAt(await sent(imagePath), 0.25, 0.25), quarterColours.A)).toBeLessThan(16);
    }
  });
});

test('a picture whose file is damaged since is refused as unreadable by the local renderer', async () => {
  const { image_path: imagePath } = await storeImage(pngOf(soft, 8));
  writeFileSync(imageFile(imagePath), 'no picture');
  expect(await local.submit(jobOf(imageFile(imagePath)), signal)).toMatchObject({ code: 'IMAGE_UNREADABLE' });
});
