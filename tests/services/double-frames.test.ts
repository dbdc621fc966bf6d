// The doubles judge end frames as the vendors' schemas do, and keep the pictures that came.

import { startDouble, type DialectName, type StartedDouble } from '../doubles/start-double';
import { blank } from '../fixtures/pictures';

const headers = {
  Authorization: 'Bearer k',
  'X-API-Key': 'k',
  'X-Runway-Version': '2024-11-06',
  'Content-Type': 'application/json',
};

let double: StartedDouble;
let first: Buffer;
let last: Buffer;

beforeAll(async () => {
  first = await blank(640, 360).jpeg().toBuffer();
  last = await blank(640, 360).negate().jpeg().toBuffer();
});

/** The pictures that the double got, create by create. */
const got = async () => (await double.pictures()).map((create) => ({ first: create.first, last: create.last }));

/** The status of a create. */
async function send(path: string, json: object): Promise<number> {
  const { status } = await fetch(double.url + path, { method: 'POST', headers, body: JSON.stringify(json) });
  return status;
}

function use(name: DialectName) {
  beforeAll(async () => {
    double = await startDouble(name);
  });
  afterAll(() => double.stop());
  beforeEach(() => double.reset());
}

describe('the double of runway', () => {
  use('runway');

  const uriOf = (file: Buffer) => `data:image/jpeg;base64,${file.toString('base64')}`;
  const at = (position: string, file: Buffer) => ({ uri: uriOf(file), position });
  const create = (model: string, promptImage: unknown) =>
    send('/v1/image_to_video', { model, promptImage, promptText: 'A lamp.', ratio: '1280:720', duration: 4 });

  test('the double of runway keeps the first and the last frame of a create, in whatever order they came', async () => {
    expect(await create('veo3.1', [at('last', last), at('first', first)])).toBe(200);
    expect(await create('gen4.5', uriOf(first))).toBe(200);
    expect(await create('veo3.1', 'https://pictures.test/a.jpg')).toBe(200);
    expect(await got()).toEqual([
      { first, last },
      { first, last: null },
      { first: null, last: null },
    ]);
  });

  test('the double of runway refuses a last frame at a model without one, without a first one, or twice', async () => {
    expect(await create('gen4.5', [at('first', first), at('last', last)])).toBe(400);
    expect(await create('gen4_turbo', [at('first', first), at('last', last)])).toBe(400);
    expect(await create('veo3.1', [at('last', last)])).toBe(400);
    expect(await create('veo3.1', [at('first', first), at('last', last), at('last', last)])).toBe(400);
    expect(await create('seedance2', [at('first', first), { uri: uriOf(last) }])).toBe(400);
    expect(await double.pictures()).toEqual([]);
  });
});

describe('the double of kling', () => {
  use('kling');

  const at = (type: string, file: Buffer): object => ({ type, url: file.toString('base64') });
  const words = { type: 'prompt', text: 'A lamp.' };
  const both = () => [words, at('first_frame', first), at('last_frame', last)];
  const create = (model: string, settings: object, contents = both()) =>
    send(`/image-to-video/${model}`, { contents, settings: { duration: 5, ...settings } });

  test('the double of kling keeps the first and the last frame of a create under its attempt', async () => {
    const options = { external_task_id: 'attempt-1' };
    const settings = { duration: 5, resolution: '720p' };
    expect(await send('/image-to-video/kling-3.0', { contents: both(), settings, options })).toBe(200);
    expect(await create('kling-2.6', { resolution: '1080p' })).toBe(200);
    expect(await create('kling-2.5-turbo', { resolution: '1080p' })).toBe(200);
    expect(await create('kling-3.0-turbo', {}, both().slice(0, 2))).toBe(200);
    expect(await got()).toEqual([
      { first, last },
      { first, last },
      { first, last },
      { first, last: null },
    ]);
    expect((await double.pictures())[0]).toMatchObject({ attempt_id: 'attempt-1' });
  });

  test('the double of kling refuses a last frame where the model has none, without a first one, or twice', async () => {
    expect(await create('kling-3.0-turbo', {})).toBe(400);
    expect(await create('kling-2.6', {})).toBe(400);
    expect(await create('kling-2.6', { resolution: '1080p', audio: 'native' })).toBe(400);
    expect(await create('kling-2.5-turbo', { resolution: '720p' })).toBe(400);
    expect(await create('kling-3.0', {}, [words, at('last_frame', last)])).toBe(400);
    expect(await create('kling-3.0', {}, [...both(), at('last_frame', last)])).toBe(400);
    expect(await double.pictures()).toEqual([]);
  });
});

describe('the double of pika', () => {
  use('pika');

  const create = (model: string, body: object) => send(`/v1/media/pika/${model}/image-to-video`, body);

  async function upload(file: Buffer): Promise<string> {
    const body = JSON.stringify({ content_type: 'image/jpeg', size_bytes: file.length });
    const granted = await fetch(`${double.url}/v1/media/uploads`, { method: 'POST', headers, body });
    const { upload_url: target, url } = (await granted.json()) as { upload_url: string; url: string };
    await fetch(target, { method: 'PUT', headers: { 'Content-Type': 'image/jpeg' }, body: new Uint8Array(file) });
    return url;
  }

  test('the double of pika keeps the first and the last keyframe of a create as they were uploaded', async () => {
    const images = [await upload(first), await upload(last)];
    expect(await create('pikaframes', { images, transition_duration_s: 10 })).toBe(202);
    expect(await create('pika-2.5', { image: images[0] })).toBe(202);
    expect(await got()).toEqual([
      { first, last },
      { first, last: null },
    ]);
  });

  test('the double of pika refuses keyframes at a model without them, one alone, six, and three over a long time', async () => {
    const images = (count: number) => Array<string>(count).fill('https://pictures.test/a.jpg');
    expect(await create('pika-2.5', { images: images(2) })).toBe(422);
    expect(await create('pikaframes', { image: 'https://pictures.test/a.jpg' })).toBe(422);
    expect(await create('pikaframes', { images: images(1) })).toBe(422);
    expect(await create('pikaframes', { images: images(6) })).toBe(422);
    expect(await create('pikaframes', { images: images(3), transition_duration_s: 6 })).toBe(422);
    expect(await create('pikaframes', { images: images(2), transition_duration_s: 11 })).toBe(422);
    expect(await double.pictures()).toEqual([]);
  });
});
