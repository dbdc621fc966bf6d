import { nobody } from '../fixtures/workspaces';
import { uploadPicture } from '../helpers/generating';
import { changeStored } from '../helpers/stored';
import { createId, expectError, server, useServer } from '../helpers/tabs';

// Where nothing answers, as what is tested is refused before anything is sent.
const nowhere = 'http://127.0.0.1:9';
useServer({
  RUNWAY_API_KEY: 'k',
  RUNWAY_BASE_URL: nowhere,
  KLING_API_KEY: 'k',
  KLING_BASE_URL: nowhere,
  PIKA_API_KEY: '',
});

let imagePath: string;
beforeAll(async () => (imagePath = await uploadPicture(server)));

const video = (body: object, headers?: Record<string, string>) => server.post('/api/generate/video', body, headers);
const cancel = (body: object) => server.post('/api/generate/cancel', body);
const withImage = () => createId({ image_path: imagePath });

test('a click on an unknown workspace is 404', async () => {
  expectError(await video({ workspace_id: nobody }), 404, 'WORKSPACE_NOT_FOUND');
});

test('a click on a workspace without an image is 409', async () => {
  expectError(await video({ workspace_id: await createId() }), 409, 'IMAGE_MISSING');
});

test('a click for a provider without a file is refused with the names of those that have one', async () => {
  const answer = await video({ workspace_id: await withImage(), provider: 'sora' });
  expectError(answer, 400, 'INVALID_INPUT');
  for (const name of ['runway', 'pika', 'kling', 'local']) expect(JSON.stringify(answer.body)).toContain(name);
});

test('a click for a provider without a key is 503', async () => {
  expectError(await video({ workspace_id: await withImage(), provider: 'pika' }), 503, 'PROVIDER_NOT_CONFIGURED');
});

test.each<[string, object]>([
  ['no workspace', {}],
  ['an unknown key', { workspace_id: nobody, now: true }],
  ['a provider that is no text', { workspace_id: nobody, provider: 1 }],
  ['an empty provider', { workspace_id: nobody, provider: '' }],
  ['a path as provider', { workspace_id: nobody, provider: '../config' }],
  ['a request_id that does not fit', { workspace_id: nobody, request_id: 'a b' }],
  ['a consent that is no boolean', { workspace_id: nobody, accept_second_charge: 'yes' }],
])('a click with %s is INVALID_INPUT', async (_name, body) => {
  const answer = await video(body);
  if ('provider' in body && body.provider === '../config') expect([400, 404]).toContain(answer.status);
  else expectError(answer, 400, 'INVALID_INPUT');
});

test('a click with an Idempotency-Key that does not fit, or another than its request_id, is INVALID_INPUT', async () => {
  const workspace_id = await withImage();
  expectError(await video({ workspace_id }, { 'Idempotency-Key': 'a b' }), 400, 'INVALID_INPUT');
  expectError(await video({ workspace_id, request_id: 'a' }, { 'Idempotency-Key': 'b' }), 400, 'INVALID_INPUT');
});

test('of two clicks at once one is accepted, and the same click again gets the first answer', async () => {
  const workspace_id = await withImage();
  const [one, two] = await Promise.all([
    video({ workspace_id, request_id: 'one' }),
    video({ workspace_id, request_id: 'two' }),
  ]);
  expect([one.status, two.status].sort()).toEqual([202, 409]);
  const [accepted, refused, name] = one.status === 202 ? [one, two, 'one'] : [two, one, 'two'];
  expectError(refused, 409, 'VIDEO_IN_PROGRESS');
  const again = await video({ workspace_id }, { 'Idempotency-Key': name });
  expect(again.status).toBe(202);
  expect(again.body.video.attempt_id).toBe(accepted.body.video.attempt_id);

  const ended = await cancel({ workspace_id });
  expect(ended).toMatchObject({
    status: 200,
    body: { workspace_id, video: { status: 'failed', error: { code: 'CANCELLED' } } },
  });
  expectError(await cancel({ workspace_id }), 409, 'NOT_GENERATING');
});

test('a click after an answer that was lost needs the consent to a second charge', async () => {
  const workspace_id = await withImage();
  const error = { code: 'SUBMIT_UNKNOWN', message: 'The answer was lost.', charged: 'maybe' };
  await changeStored(server.env.MONGODB_URI!, workspace_id, {
    'video.status': 'failed',
    'video.error': error,
    'video.provider': 'runway',
    'video.attempt_id': 'lost',
  });
  expectError(await video({ workspace_id }), 409, 'SECOND_CHARGE_POSSIBLE');
  expectError(await video({ workspace_id, accept_second_charge: false }), 409, 'SECOND_CHARGE_POSSIBLE');
  expect((await video({ workspace_id, accept_second_charge: true })).status).toBe(202);
  expect((await cancel({ workspace_id })).status).toBe(200);
});

describe('the prompt of a click', () => {
  const clickWith = async (prompt: string, provider: string) => {
    const workspace_id = await createId({ image_path: imagePath, form_data: { prompt, duration_s: 5 } });
    return { workspace_id, ...(await video({ workspace_id, provider })) };
  };

  test.each([
    ['2000 letters', 'x'.repeat(2000)],
    ['1000 emoji', '😀'.repeat(1000)],
  ])('a prompt of %s is taken by the local renderer, which reads none', async (_what, prompt) => {
    const { workspace_id, status, body } = await clickWith(prompt, 'local');
    expect({ status, error: body.error as unknown }).toEqual({ status: 202, error: undefined });
    await cancel({ workspace_id });
  });

  test.each([
    ['runway', '😀'.repeat(501), 'must be at most 1000 characters, and an emoji or a rare character counts as two'],
    ['runway', 'x'.repeat(1001), 'must be at most 1000 characters'],
  ])(
    'a prompt that %s might count as too long is refused before anything is sent',
    async (provider, prompt, message) => {
      const { status, body } = await clickWith(prompt, provider);
      expect({ status, ...(body.error as object) }).toMatchObject({
        status: 400,
        code: 'INVALID_INPUT',
        details: [{ path: 'form_data.prompt', message: expect.stringContaining(message) }],
      });
    },
  );
});
