import nock from 'nock';
import sharp from 'sharp';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import type { VideoProvider } from '../../src/services/provider';
import {
  canaryKey,
  defaultModel,
  describeVideoProvider,
  errorOf,
  loadVideoProvider,
  makeJob,
  open,
} from './video-provider.suite';

const host = 'https://kling.test';
const taskId = '874312345';

const done = (id: string) => ({
  code: 0,
  data: [{ id, status: 'succeeded', message: '', outputs: [{ type: 'video', url: 'https://kling.test/other.mp4' }] }],
});

describeVideoProvider({
  name: 'kling',
  create: 'POST /image-to-video/',
  task: 'GET /tasks',
  moderated: { status: 400, body: { code: 1301, message: 'content safety' } },
  outOfCredits: { status: 429, body: { code: 1102, message: 'resource pack used up' } },
  rateLimited: { status: 429, body: { code: 1302, message: 'too fast' } },
  unavailable: { status: 503, body: { code: 5001, message: 'unavailable' } },
  foreignTask: done('someone-else'),
  unknownStatus: (id) => ({ code: 0, data: [{ id, status: 'polishing' }] }),
  cancels: false,
});

describe('the provider kling', () => {
  let kling: VideoProvider;

  const load = (model: string) =>
    loadVideoProvider('kling', { KLING_API_KEY: canaryKey, KLING_BASE_URL: host, KLING_MODEL: model });

  beforeAll(() => {
    kling = load('');
  });
  afterEach(() => nock.cleanAll());
  afterAll(() => nock.restore());

  const check = (task: object) => {
    const data = [{ id: taskId, message: '', external_id: 'x', ...task }];
    nock(host).get(`/tasks?task_ids=${taskId}`).reply(200, { code: 0, message: 'SUCCEED', data });
    return kling.check(taskId, open());
  };

  async function sentBy(provider: VideoProvider, form: Partial<FormData> = {}) {
    let body: { contents: { type: string; url?: string }[] } & Record<string, unknown> = { contents: [] };
    nock(host, { reqheaders: { authorization: `Bearer ${canaryKey}` } })
      .post(`/image-to-video/${provider.default_model}`, (sent: typeof body) => Boolean((body = sent)))
      .reply(200, { code: 0, message: 'SUCCEED', data: { id: taskId, status: 'submitted' } });
    const job = await makeJob(provider, form);
    expect(await provider.submit(job, open())).toEqual({ state: 'accepted', taskId });
    return { job, body };
  }

  test('the provider kling sends the picture as bare base64 and the attempt as external_task_id', async () => {
    const { job, body } = await sentBy(kling, { lighting: 'soft', seed: 3, negative_prompt: 'blur' });
    expect(body).toEqual({
      contents: [
        { type: 'prompt', text: 'The lighthouse lamp turns. soft diffused light' },
        { type: 'first_frame', url: job.image.toString('base64') },
      ],
      settings: { resolution: '720p', duration: 5, audio: 'off', multi_shot: false },
      options: { external_task_id: job.attempt_id },
    });
  });

  test('the provider kling leaves the prompt out where there are no words at all', async () => {
    const { body } = await sentBy(kling, { prompt: '' });
    expect(body.contents.map(({ type }) => type)).toEqual(['first_frame']);
  });

  test.each([
    ['kling-3.0-turbo', 2500, 13, { resolution: '720p', duration: 5 }],
    ['kling-3.0', 3072, 13, { resolution: '720p', duration: 5, multi_shot: false, audio: 'off' }],
    ['kling-2.6', 2500, 2, { resolution: '720p', duration: 5, audio: 'off' }],
    ['kling-2.5-turbo', 2500, 2, { resolution: '720p', duration: 5 }],
  ])('the provider kling gives %s only the settings that it knows', async (model, promptMax, lengths, settings) => {
    const provider = load(model);
    expect(defaultModel(provider).prompt_max).toBe(promptMax);
    expect(defaultModel(provider).durations_s).toHaveLength(lengths);
    expect((await sentBy(provider)).body.settings).toEqual(settings);
  });

  test('the provider kling enlarges a picture below 300 pixels', async () => {
    const { image } = await makeJob(kling, { aspect_ratio: '21:9' });
    const { width, height } = await sharp(image).metadata();
    expect(Math.min(width, height)).toBeGreaterThanOrEqual(300);
    expect(width / height).toBeLessThanOrEqual(2.5);
  });

  test.each([
    [{ status: 'submitted' }, { state: 'queued' }],
    [{ status: 'processing' }, { state: 'running' }],
    [
      {
        status: 'succeeded',
        outputs: [
          { type: 'cover', url: 'https://c.test/a.jpg' },
          { type: 'video', url: 'https://c.test/a.mp4' },
        ],
      },
      { state: 'completed', url: 'https://c.test/a.mp4' },
    ],
    [
      { status: 'failed', message: 'server error' },
      { state: 'failed', code: 'TASK_FAILED', charged: 'maybe' },
    ],
    [
      { status: 'failed', message: 'Failed by risk control' },
      { state: 'failed', code: 'CONTENT_REFUSED', charged: 'maybe' },
    ],
    [{ status: 'constructor' }, { state: 'running' }],
  ])('the provider kling reads the task %j', async (task, expected) => {
    expect(await check(task)).toMatchObject(expected);
  });

  test.each([[], null, 'none', [{ type: 'video' }], [{ type: 'video', url: 'soon' }]])(
    'the provider kling knows a finished task as made whose outputs are %j',
    async (outputs) => {
      expect(await check({ status: 'succeeded', outputs })).toEqual({ state: 'completed', url: null });
    },
  );

  const finished = { status: 'succeeded', outputs: [{ type: 'video', url: 'https://c.test/a.mp4' }] };
  const made = { state: 'completed', url: 'https://c.test/a.mp4' };
  const cash = { charge_type: 'cash', amount: 0.42, currency: 'USD' };
  const units = { charge_type: 'unit', amount: 3, package_type: 'video', list_price: 0.14 };

  test.each([
    [[cash], { currency: 'USD', micros: 420_000 }],
    [[{ ...cash, amount: '2.94', currency: 'CNY' }], { currency: 'CNY', micros: 2_940_000 }],
    [[units], { currency: 'USD', micros: 420_000 }],
    [[cash, units, { ...units, amount: '0.5' }], { currency: 'USD', micros: 910_000 }],
    [[{ ...cash, amount: 0 }], { currency: 'USD', micros: 0 }],
  ])(
    'the provider kling adds up the rows of the bill %j, and counts units at their list price',
    async (billing, charge) => {
      expect(await check({ ...finished, billing })).toEqual({ ...made, charge });
      const charged = charge.micros > 0 ? 'yes' : 'no';
      expect(await check({ status: 'failed', billing })).toMatchObject({ state: 'failed', charged, charge });
      expect(await check({ status: 'processing', billing })).toEqual({ state: 'running' });
    },
  );

  test.each([
    null,
    [],
    {},
    'paid',
    [null],
    [{}],
    [{ ...cash, amount: null }],
    [{ ...cash, amount: '' }],
    [{ ...cash, amount: 'free' }],
    [{ ...cash, amount: -1 }],
    [{ ...cash, amount: 1e300 }],
    [{ ...cash, currency: 'EUR' }],
    [{ ...cash, currency: null }],
    [{ ...units, currency: 'CNY' }],
    [{ ...cash, charge_type: 'coupon' }],
    [cash, { ...cash, currency: 'CNY' }],
    [cash, { ...cash, amount: null }],
    [
      { ...cash, amount: 9e9 },
      { ...cash, amount: 9e9 },
    ],
  ])('the provider kling reads no cost from the bill %j, and the task nevertheless', async (billing) => {
    expect(await check({ ...finished, billing })).toEqual(made);
    const failed = await check({ status: 'failed', billing });
    expect(failed).toMatchObject({ state: 'failed', charged: 'maybe' });
    expect(failed).not.toHaveProperty('charge');
  });

  test.each([
    ['', true, true],
    ['720p', true, true],
    ['1080p', true, false],
    ['720p', false, false],
  ])('the provider kling has sound on kling-2.6 at 1080p only: "%s", sound %s', (resolution, audio, isRefused) => {
    const model = kling.models.find(({ id }) => id === 'kling-2.6')!;
    const fault = model.fault!({ ...emptyForm, resolution, audio });
    expect(fault).toEqual(isRefused ? { ...onlyLarge, beside: 'audio' } : null);
  });

  const onlyLarge = { field: 'resolution', rule: 'not_offered', offered: ['1080p'] };
  const onlySilent = { field: 'audio', rule: 'not_offered' };

  test.each<[model: string, form: Partial<FormData>, fault: object | null]>([
    ['kling-2.6', {}, onlyLarge],
    ['kling-2.6', { resolution: '720p' }, onlyLarge],
    ['kling-2.6', { resolution: '720p', audio: true }, onlyLarge],
    ['kling-2.6', { resolution: '1080p' }, null],
    ['kling-2.6', { resolution: '1080p', audio: true }, onlySilent],
    ['kling-2.5-turbo', {}, onlyLarge],
    ['kling-2.5-turbo', { resolution: '720p' }, onlyLarge],
    ['kling-2.5-turbo', { resolution: '1080p' }, null],
  ])('the provider kling says where %s takes an end frame: with %j', (id, form, fault) => {
    const model = kling.models.find((one) => one.id === id)!;
    const found = model.fault!({ ...emptyForm, ...form, end: 'image' });
    expect(found).toEqual(fault && { ...fault, beside: 'end' });
    expect(model.end_image).toBe(false);
  });

  test.each([
    ['kling-3.0', ''],
    ['kling-2.6', '1080p'],
    ['kling-2.5-turbo', '1080p'],
  ])('the provider kling sends the end frame of %s as last_frame, behind the first one', async (model, resolution) => {
    const { job, body } = await sentBy(load(model), { end: 'image', resolution });
    expect(body.contents.slice(1)).toEqual([
      { type: 'first_frame', url: job.image.toString('base64') },
      { type: 'last_frame', url: job.endImage!.toString('base64') },
    ]);
    expect(job.endImage!.equals(job.image)).toBe(false);
  });

  test('the provider kling refuses a job whose model it does not offer any more, and sends nothing', async () => {
    const job = { ...(await makeJob(kling)), model: 'kling-1' };
    expect(await kling.submit(job, open())).toMatchObject({ state: 'refused', code: 'PROVIDER_NOT_CONFIGURED' });
  });

  test('the provider kling takes no list for a bad answer', async () => {
    nock(host).get(`/tasks?task_ids=${taskId}`).reply(200, { code: 0, data: null });
    expect((await errorOf(kling.check(taskId, open()))).code).toBe('PROVIDER_BAD_REPLY');
  });

  test('the provider kling takes an empty list for a task that the vendor does not have', async () => {
    nock(host).get(`/tasks?task_ids=${taskId}`).reply(200, { code: 0, data: [] });
    expect(await kling.check(taskId, open())).toMatchObject({ state: 'not_found' });
  });

  async function submitAnswered(status: number, body: nock.Body) {
    nock(host).post('/image-to-video/kling-3.0').reply(status, body);
    return kling.submit(await makeJob(kling), open());
  }

  test.each([
    [401, 1000, 'PROVIDER_AUTH'],
    [401, 1001, 'PROVIDER_AUTH'],
    [401, 1002, 'PROVIDER_AUTH'],
    [401, 1003, 'PROVIDER_AUTH'],
    [401, 1004, 'PROVIDER_AUTH'],
    [403, 1103, 'PROVIDER_AUTH'],
    [429, 1100, 'PROVIDER_QUOTA'],
    [429, 1101, 'PROVIDER_QUOTA'],
    [429, 1102, 'PROVIDER_QUOTA'],
    [429, 1304, 'PROVIDER_AUTH'],
    [400, 1200, 'INVALID_INPUT'],
    [404, 1202, 'PROVIDER_NOT_CONFIGURED'],
    [404, 1203, 'PROVIDER_NOT_CONFIGURED'],
    [400, 1300, 'CONTENT_REFUSED'],
    [400, 1301, 'CONTENT_REFUSED'],
    [200, 1301, 'CONTENT_REFUSED'],
    [400, 1999, 'INVALID_INPUT'],
  ])(
    'the provider kling takes a create answered with %i and code %i as refused: %s',
    async (status, code, expected) => {
      expect(await submitAnswered(status, { code, message: 'no' })).toMatchObject({ state: 'refused', code: expected });
    },
  );

  test.each([
    [401, 'PROVIDER_AUTH'],
    [402, 'PROVIDER_QUOTA'],
    [413, 'INVALID_INPUT'],
    [422, 'INVALID_INPUT'],
  ])('the provider kling goes by the HTTP status %i where the body has no code', async (status, code) => {
    expect(await submitAnswered(status, '<html>')).toMatchObject({ state: 'refused', code });
  });

  test.each([
    [429, { code: 1302, message: 'rate' }, 'PROVIDER_RATE_LIMITED'],
    [429, { code: 1303, message: 'parallel' }, 'PROVIDER_RATE_LIMITED'],
    [429, '<html>', 'PROVIDER_RATE_LIMITED'],
    [503, { code: 5001, message: 'unavailable' }, 'PROVIDER_FAILED'],
  ])(
    'the provider kling takes a create answered with %i %j as not taken yet, and waits a second at least',
    async (status, body, code) => {
      expect(await submitAnswered(status, body)).toMatchObject({ state: 'not_accepted', code, retryAfterMs: 1000 });
    },
  );

  test.each([
    [500, { code: 5000, message: 'fault' }],
    [504, { code: 5002, message: 'timeout' }],
    [400, { code: 5002, message: 'timeout' }],
    [200, { code: 5000, message: 'fault' }],
    [502, '<html>'],
    [503, '<html>'],
    [409, '{}'],
  ])('the provider kling does not know what became of a create answered with %i %j', async (status, body) => {
    expect((await errorOf(submitAnswered(status, body))).code).toBe('PROVIDER_FAILED');
  });

  test('the provider kling finds the first task when a create turns out to be the second one', async () => {
    const job = await makeJob(kling);
    nock(host).post('/image-to-video/kling-3.0').reply(400, { code: 1201, message: 'already exists' });
    const data = [{ id: taskId, status: 'processing', external_id: job.attempt_id }];
    nock(host).get(`/tasks?external_task_ids=${job.attempt_id}`).reply(200, { code: 0, data });
    expect(await kling.submit(job, open())).toEqual({ state: 'accepted', taskId });
  });

  test('the provider kling takes a bad parameter as refused when there is no first task', async () => {
    const job = await makeJob(kling);
    nock(host).post('/image-to-video/kling-3.0').reply(400, { code: 1201, message: 'image is too small' });
    nock(host).get(`/tasks?external_task_ids=${job.attempt_id}`).reply(200, { code: 0, data: [] });
    expect(await kling.submit(job, open())).toMatchObject({ state: 'refused', code: 'INVALID_INPUT' });
  });

  test('the provider kling does not know what became of a create when the question for the first one never left', async () => {
    const job = await makeJob(kling);
    nock(host).post('/image-to-video/kling-3.0').reply(400, { code: 1201, message: 'already exists' });
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    nock(host).get(`/tasks?external_task_ids=${job.attempt_id}`).replyWithError(refused);
    expect(await errorOf(kling.submit(job, open()))).toMatchObject({ code: 'PROVIDER_FAILED', unsent: false });
    nock(host).get('/tasks?external_task_ids=ours').replyWithError(refused);
    expect(await errorOf(kling.lookup!('ours', open()))).toMatchObject({ unsent: true });
  });

  test('the provider kling does not take the task of another attempt for ours', async () => {
    const data = [{ id: taskId, status: 'processing', external_id: 'another' }];
    nock(host).get('/tasks?external_task_ids=ours').reply(200, { code: 0, data });
    expect(await kling.lookup!('ours', open())).toBeNull();
  });
});
