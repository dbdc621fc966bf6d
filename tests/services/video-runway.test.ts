import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import nock from 'nock';
import sharp from 'sharp';
import type { FormData } from '../../src/contract/form';
import type { VideoProvider } from '../../src/services/provider';
import { readSlowly } from '../helpers/slow';
import { canaryKey, describeVideoProvider, errorOf, loadVideoProvider, makeJob, open } from './video-provider.suite';

const host = 'https://runway.test';
const taskId = '17f20503-6c24-4c16-946b-35dbbce2af2f';

describeVideoProvider({
  name: 'runway',
  create: 'POST /v1/image_to_video',
  task: 'GET /v1/tasks/',
  moderated: { status: 400, body: { error: 'Refused.', failureCode: 'SAFETY.INPUT.TEXT' } },
  outOfCredits: { status: 400, body: { error: 'You do not have enough credits to run this task.' } },
  rateLimited: { status: 429, body: { error: 'Daily task limit reached.' } },
  unavailable: { status: 503, body: { error: 'Try again later.' } },
  foreignTask: { id: 'someone-else', status: 'SUCCEEDED', output: ['https://runway.test/other.mp4'] },
  unknownStatus: (id) => ({ id, status: 'POLISHING' }),
  cancels: true,
});

describe('the provider runway', () => {
  let runway: VideoProvider;

  beforeAll(() => {
    runway = loadVideoProvider('runway', {
      RUNWAY_API_KEY: canaryKey,
      RUNWAY_BASE_URL: host,
      RUNWAY_MODEL: '',
      RUNWAY_VERSION: '',
    });
  });
  afterEach(() => nock.cleanAll());
  afterAll(() => nock.restore());

  const check = (task: object) => {
    nock(host)
      .get(`/v1/tasks/${taskId}`)
      .reply(200, { id: taskId, createdAt: '2026-11-23T10:00:00Z', ...task });
    return runway.check(taskId, open());
  };

  test('the provider runway gives a create with a large picture the time that a slow line needs', async () => {
    const server = http.createServer(readSlowly(5_000_000, { id: taskId })).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const slow = loadVideoProvider('runway', {
      PROVIDER_REQUEST_TIMEOUT_MS: '400',
      RUNWAY_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const job = { ...(await makeJob(slow)), picture: Buffer.alloc(3_000_000, 'picture') };
    expect(await slow.submit(job, open())).toEqual({ state: 'accepted', taskId });
    server.close();
  });

  test('the provider runway sends the key, the version, and the picture as a data URI below 5 MiB', async () => {
    let body: Record<string, unknown> = {};
    nock(host, { reqheaders: { authorization: `Bearer ${canaryKey}`, 'x-runway-version': '2024-11-06' } })
      .post('/v1/image_to_video', (sent: Record<string, unknown>) => Boolean((body = sent)))
      .reply(200, { id: taskId, estimatedCost: { credits: 60 } });
    const job = await makeJob(runway, { camera_movement: 'pan_left', negative_prompt: 'blur', seed: 0 });
    const bound = { currency: 'USD', micros: 600_000 };
    expect(await runway.submit(job, open())).toEqual({ state: 'accepted', taskId, bound });
    const { promptImage, ...others } = body;
    expect(others).toEqual({
      model: 'gen4.5',
      promptText: 'The lighthouse lamp turns. the camera pans left',
      ratio: '1280:720',
      duration: 5,
      seed: 0,
    });
    expect(promptImage).toMatch(/^data:image\/jpeg;base64,\/9j\//);
    expect((promptImage as string).length).toBeLessThan(5 * 1024 * 1024);
  });

  async function sentBy(form: Partial<FormData>) {
    let body: Record<string, unknown> = {};
    nock(host)
      .post('/v1/image_to_video', (sent: Record<string, unknown>) => Boolean((body = sent)))
      .reply(200, { id: taskId });
    const job = await makeJob(runway, { prompt: 'A lamp turns.', negative_prompt: 'blur', seed: 3, ...form });
    expect(await runway.submit(job, open())).toEqual({ state: 'accepted', taskId });
    const { promptImage, model: _model, promptText: _text, ...others } = body;
    return { ...others, positions: typeof promptImage === 'string' ? null : promptImage };
  }

  const first = [{ uri: expect.stringMatching(/^data:image\/jpeg;base64,/) as string, position: 'first' }];

  test.each<[Partial<FormData>, object]>([
    [
      { model: 'gen4_turbo', aspect_ratio: '21:9' },
      { ratio: '1584:672', duration: 5, seed: 3, positions: null },
    ],
    [
      { model: 'veo3.1', duration_s: 8 },
      { ratio: '1280:720', duration: 8, audio: false, negativePrompt: 'blur', seed: 3, positions: first },
    ],
    [
      { model: 'veo3.1_fast', duration_s: 4, audio: true, resolution: '1080p', aspect_ratio: '9:16', seed: null },
      { ratio: '1080:1920', duration: 4, audio: true, negativePrompt: 'blur', positions: first },
    ],
    [
      { model: 'seedance2', resolution: '4k', aspect_ratio: '21:9' },
      { ratio: '3840:1646', duration: 5, audio: false, seed: 3, positions: first },
    ],
    [
      { model: 'seedance2_5', resolution: '480p', audio: true },
      { ratio: '854:480', duration: 5, audio: true, seed: 3, positions: first },
    ],
    [
      { model: 'hailuo3', resolution: '2k', aspect_ratio: '9:16' },
      { ratio: '9:16', resolution: '2k', duration: 5, positions: first },
    ],
    [
      { model: 'h3_max' },
      { resolution: '768p', promptExpansionMode: 'disabled', duration: 5, seed: 3, positions: first },
    ],
    [{ model: 'wan3_prime' }, { ratio: 'auto_720p', duration: 5, audio: false, positions: first }],
  ])('the provider runway sends %j in the words of its model', async (form, expected) => {
    expect(await sentBy(form)).toEqual(expected);
  });

  test.each(['veo3.1_fast', 'seedance2', 'seedance2_mini', 'seedance2_5', 'hailuo3', 'h3_max', 'wan3'])(
    'the provider runway sends %s its end frame behind the first one, each with its position',
    async (model) => {
      const form = { model, end: 'image', duration_s: model.startsWith('veo') ? 8 : 5 } as const;
      const { positions } = await sentBy(form);
      const { image, endImage } = await makeJob(runway, form);
      const uri = (jpeg: Buffer | null) => `data:image/jpeg;base64,${jpeg!.toString('base64')}`;
      expect(positions).toEqual([
        { uri: uri(image), position: 'first' },
        { uri: uri(endImage), position: 'last' },
      ]);
      expect(uri(endImage)).not.toBe(uri(image));
    },
  );

  test('the provider runway enlarges a picture below 256 pixels', async () => {
    const job = await makeJob(runway);
    const imageFile = `${job.imageFile}.small.png`;
    await sharp({ create: { width: 90, height: 60, channels: 3, background: '#888' } }).toFile(imageFile);
    const { width, height } = await sharp(await runway.image!(imageFile, job)).metadata();
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(256);
  });

  test('the provider runway refuses a job whose model it does not offer any more, and sends nothing', async () => {
    const job = { ...(await makeJob(runway)), model: 'gen3' };
    expect(await runway.submit(job, open())).toMatchObject({ state: 'refused', code: 'PROVIDER_NOT_CONFIGURED' });
  });

  const cents = (amount: number) => ({ currency: 'USD', micros: amount * 10_000 });

  test.each([
    ['PENDING', { estimatedCost: { credits: 60 } }, { state: 'queued', bound: cents(60) }],
    [
      'RUNNING',
      { estimatedCost: { credits: 33.5 } },
      { state: 'running', bound: { currency: 'USD', micros: 335_000 } },
    ],
    ['SUCCEEDED', { output: [], cost: { credits: 60 } }, { state: 'completed', url: null, charge: cents(60) }],
    ['SUCCEEDED', { output: [], cost: { credits: 0 } }, { state: 'completed', url: null, charge: cents(0) }],
    ['FAILED', { cost: { credits: 60 } }, { state: 'failed', charged: 'yes', charge: cents(60) }],
    ['FAILED', { cost: { credits: 0 } }, { state: 'failed', charged: 'no', charge: cents(0) }],
    ['CANCELLED', { cost: { credits: 12 } }, { state: 'failed', charged: 'yes', charge: cents(12) }],
  ])('the provider runway reads of a task that is %s with %j what it costs', async (status, fields, expected) => {
    expect(await check({ status, ...fields })).toMatchObject(expected);
  });

  test.each([null, 60, 'sixty', {}, { credits: null }, { credits: '60' }, { credits: -1 }, { credits: 1e300 }])(
    'the provider runway reads no cost from the bill %j, and the task nevertheless',
    async (bill) => {
      const output = ['https://cdn.test/a.mp4'];
      expect(await check({ status: 'SUCCEEDED', output, cost: bill })).toEqual({ state: 'completed', url: output[0] });
      expect(await check({ status: 'PENDING', estimatedCost: bill })).not.toHaveProperty('bound');
      expect(await check({ status: 'FAILED', cost: bill })).toMatchObject({ state: 'failed', charged: 'maybe' });
      nock(host).post('/v1/image_to_video').reply(200, { id: taskId, estimatedCost: bill });
      expect(await runway.submit(await makeJob(runway), open())).toEqual({ state: 'accepted', taskId });
    },
  );

  test('the provider runway crops the picture of a 21:9 shot to 2:1, the widest that is taken', async () => {
    const { image } = await makeJob(runway, { aspect_ratio: '21:9' });
    const { width, height } = await sharp(image).metadata();
    expect(width / height).toBeCloseTo(2, 1);
    expect(width / height).toBeLessThanOrEqual(2);
  });

  test.each([
    ['PENDING', {}, { state: 'queued' }],
    ['THROTTLED', {}, { state: 'queued' }],
    ['RUNNING', { progress: 0.4 }, { state: 'running', progress: 0.4 }],
    ['RUNNING', { progress: 'half' }, { state: 'running', progress: null }],
    ['SUCCEEDED', { output: ['https://cdn.test/a.mp4'] }, { state: 'completed', url: 'https://cdn.test/a.mp4' }],
    ['CANCELLED', { cost: { credits: 0 } }, { state: 'failed', code: 'CANCELLED', charged: 'no' }],
    ['CANCELED', { cost: { credits: 60 } }, { state: 'failed', code: 'CANCELLED', charged: 'yes' }],
    ['CANCELLED', {}, { state: 'failed', code: 'CANCELLED', charged: 'maybe' }],
    ['constructor', {}, { state: 'running' }],
  ])('the provider runway reads the status %s with %j', async (status, fields, expected) => {
    expect(await check({ status, ...fields })).toMatchObject(expected);
  });

  test.each([
    ['SAFETY.INPUT.TEXT', 'CONTENT_REFUSED'],
    ['SAFETY.OUTPUT.VIDEO', 'CONTENT_REFUSED'],
    ['INPUT_PREPROCESSING.SAFETY.TEXT', 'CONTENT_REFUSED'],
    ['ASSET.INVALID', 'INVALID_INPUT'],
    ['THIRD_PARTY.INPUT_VALIDATION', 'INVALID_INPUT'],
    ['INTERNAL.BAD_OUTPUT.CODE01', 'TASK_FAILED'],
    ['INTERNAL', 'TASK_FAILED'],
    ['INPUT_PREPROCESSING.INTERNAL', 'TASK_FAILED'],
    ['THIRD_PARTY.UNAVAILABLE', 'TASK_FAILED'],
    ['SOMETHING.NEW', 'TASK_FAILED'],
    [undefined, 'TASK_FAILED'],
  ])('the provider runway reads the failure code %s as %s', async (failureCode, code) => {
    const failed = await check({ status: 'FAILED', failure: 'It did not work', failureCode, cost: { credits: 0 } });
    expect(failed).toMatchObject({ state: 'failed', code, charged: 'no' });
  });

  test.each([
    ['SAFETY.INPUT.TEXT', { credits: 60 }, 'yes'],
    ['SAFETY.INPUT.TEXT', { credits: 0 }, 'no'],
    ['SAFETY.INPUT.TEXT', undefined, 'yes'],
    ['INTERNAL.BAD_OUTPUT', undefined, 'maybe'],
    [undefined, null, 'maybe'],
  ])(
    'the provider runway says of a failure %s with the cost %j that it was charged: %s',
    async (failureCode, cost, charged) => {
      expect(await check({ status: 'FAILED', failureCode, cost })).toMatchObject({ state: 'failed', charged });
    },
  );

  test.each([[], null, 'none', ['soon'], [{}]])(
    'the provider runway knows a finished task as made whose output is %j',
    async (output) => {
      expect(await check({ status: 'SUCCEEDED', output })).toEqual({ state: 'completed', url: null });
    },
  );

  test.each([
    [400, { error: 'Validation of body failed', issues: [] }, 'INVALID_INPUT'],
    [400, { error: 'You do not have enough credits to run this task.' }, 'PROVIDER_QUOTA'],
    [401, { error: 'Unauthorized' }, 'PROVIDER_AUTH'],
    [402, {}, 'PROVIDER_QUOTA'],
    [403, {}, 'PROVIDER_AUTH'],
    [404, {}, 'PROVIDER_NOT_CONFIGURED'],
    [405, {}, 'PROVIDER_NOT_CONFIGURED'],
    [413, '<html>too large</html>', 'INVALID_INPUT'],
    [422, {}, 'INVALID_INPUT'],
  ])('the provider runway takes a create answered with %i %j as refused', async (status, body, code) => {
    nock(host).post('/v1/image_to_video').reply(status, body);
    expect(await runway.submit(await makeJob(runway), open())).toMatchObject({ state: 'refused', code });
  });

  test.each([408, 409, 500, 502, 504])(
    'the provider runway does not know what became of a create answered with %i',
    async (status) => {
      nock(host).post('/v1/image_to_video').reply(status, { error: 'oops' });
      expect((await errorOf(runway.submit(await makeJob(runway), open()))).code).toBe('PROVIDER_FAILED');
    },
  );

  test('the provider runway cancels with DELETE, and says when that failed', async () => {
    nock(host).delete(`/v1/tasks/${taskId}`).reply(204);
    await runway.cancel!(taskId, open());
    nock(host).delete(`/v1/tasks/${taskId}`).reply(404, { error: 'Not found.' });
    await errorOf(runway.cancel!(taskId, open()));
    nock(host).delete(`/v1/tasks/${taskId}`).reply(500);
    expect((await errorOf(runway.cancel!(taskId, open()))).code).toBe('PROVIDER_FAILED');
  });

  test('the provider runway never lets an id lead to another address', async () => {
    nock(host).get('/v1/tasks/..%2Forganization').reply(404);
    expect(await runway.check('../organization', open())).toEqual({ state: 'not_found', reason: 'HTTP 404: ' });
  });
});
