import nock from 'nock';
import sharp from 'sharp';
import type { VideoProvider } from '../../src/services/provider';
import { startDouble } from '../doubles/start-double';
import { canaryKey, describeVideoProvider, errorOf, loadVideoProvider, makeJob, open } from './video-provider.suite';

const host = 'https://pika.test';
const storage = 'https://storage.test';
const create = '/v1/media/pika/pika-2.5/image-to-video';
const jobId = 'media_1';

const refusedJob = (code: string, id: string | null = jobId) => ({
  id,
  status: 'failed',
  error: { code, message: 'no' },
});

describeVideoProvider({
  name: 'pika',
  create: `POST ${create}`,
  task: 'GET /v1/media/jobs/',
  moderated: { status: 422, body: refusedJob('content_moderation') },
  outOfCredits: { status: 402, body: refusedJob('insufficient_balance') },
  rateLimited: { status: 429, body: { message: 'Too many requests' } },
  unavailable: { status: 503, body: { message: 'Unavailable' } },
  foreignTask: { id: 'media_other', status: 'completed', output: { video: { url: 'https://pika.test/other.mp4' } } },
  unknownStatus: (id) => ({ id, status: 'polishing', output: null, error: null }),
  cancels: true,
});

describe('the provider pika', () => {
  let pika: VideoProvider;

  beforeAll(() => {
    pika = loadVideoProvider('pika', { PIKA_API_KEY: canaryKey, PIKA_BASE_URL: host, PIKA_MODEL: '' });
  });
  afterEach(() => nock.cleanAll());
  afterAll(() => nock.restore());

  const grant = {
    upload_url: `${storage}/in?sig=1`,
    headers: { 'Content-Type': 'image/jpeg' },
    url: `${storage}/in.jpg`,
  };

  function takeUpload() {
    nock(host).post('/v1/media/uploads').reply(200, grant);
    nock(storage).put('/in?sig=1').reply(200);
  }

  async function submit() {
    takeUpload();
    return pika.submit(await makeJob(pika), open());
  }

  const check = (job: object) => {
    nock(host)
      .get(`/v1/media/jobs/${jobId}`)
      .reply(200, { id: jobId, output: null, error: null, billing: null, ...job });
    return pika.check(jobId, open());
  };

  test('the provider pika uploads the picture with the returned headers and without the key', async () => {
    let wish: Record<string, unknown> = {};
    const uploaded: Buffer[] = [];
    nock(host, { reqheaders: { 'x-api-key': canaryKey } })
      .post('/v1/media/uploads', (sent: Record<string, unknown>) => Boolean((wish = sent)))
      .reply(200, grant);
    nock(storage, { reqheaders: { 'content-type': 'image/jpeg' }, badheaders: ['x-api-key', 'authorization'] })
      .put('/in?sig=1', (sent: string) => Boolean(uploaded.push(Buffer.from(sent, 'hex'))))
      .reply(200);
    const form = { aspect_ratio: '21:9', negative_prompt: 'blur', seed: 7, duration_s: 10 } as const;
    const job = await makeJob(pika, { ...form, shot_size: 'wide' });
    expect(wish).toEqual({ content_type: 'image/jpeg', size_bytes: job.image.length });
    expect(uploaded[0]!.equals(job.image)).toBe(true);
    expect(job.prepared).toEqual({
      image: grant.url,
      prompt: 'The lighthouse lamp turns. framed as a wide shot with the whole body and the surroundings',
      negative_prompt: 'blur',
      resolution: '720p',
      duration_s: 10,
      seed: 7,
    });
    const { width, height } = await sharp(job.image).metadata();
    expect(width / height).toBeCloseTo(21 / 9, 1);
  });

  test('the provider pika sends a shot with an end frame to pikaframes, with both pictures in their order and the length between them', async () => {
    const links = ['first', 'last'].map((name) => `${storage}/${name}.jpg`);
    const uploaded: string[] = [];
    for (const url of links) {
      nock(host)
        .post('/v1/media/uploads')
        .reply(200, { ...grant, upload_url: `${url}?sig=1`, url });
      nock(storage)
        .put(`${new URL(url).pathname}?sig=1`, (sent: string) => Boolean(uploaded.push(sent)))
        .reply(200);
    }
    const job = await makeJob(pika, { end: 'image', duration_s: 10, resolution: '1080p', seed: 3 });
    expect(uploaded).toEqual([job.image.toString('hex'), job.endImage!.toString('hex')]);
    const body = {
      images: links,
      transition_duration_s: 10,
      prompt: 'The lighthouse lamp turns.',
      resolution: '1080p',
      seed: 3,
    };
    expect(job.prepared).toEqual(body);
    nock(host).post('/v1/media/pika/pikaframes/image-to-video', body).reply(202, { id: jobId, status: 'queued' });
    expect(await pika.submit(job, open())).toEqual({ state: 'accepted', taskId: jobId });
  });

  test('the provider pika sends the prepared body with the attempt as the key', async () => {
    takeUpload();
    const job = await makeJob(pika);
    nock(host, { reqheaders: { 'idempotency-key': job.attempt_id, 'x-api-key': canaryKey } })
      .post(create, job.prepared as nock.DataMatcherMap)
      .reply(202, { id: jobId, status: 'queued' });
    expect(await pika.submit(job, open())).toEqual({ state: 'accepted', taskId: jobId });
  });

  test.each([
    ['401', 401, { message: 'bad key' }, 'PROVIDER_AUTH'],
    ['402', 402, { message: 'pay' }, 'PROVIDER_QUOTA'],
    ['413', 413, { message: 'big' }, 'INVALID_INPUT'],
    ['415', 415, { message: 'type' }, 'INVALID_INPUT'],
    ['429', 429, { message: 'slow down' }, 'PROVIDER_RATE_LIMITED'],
    ['a plan without the model', 403, refusedJob('membership_required'), 'PROVIDER_AUTH'],
    ['500', 500, '<html>', 'PROVIDER_FAILED'],
    ['nonsense', 200, {}, 'PROVIDER_BAD_REPLY'],
    ['an address on plain http', 200, { ...grant, upload_url: 'http://storage.test/in' }, 'PROVIDER_BAD_REPLY'],
    ['no address at all', 200, { ...grant, upload_url: 'storage' }, 'PROVIDER_BAD_REPLY'],
  ])('the provider pika throws when the upload is answered with %s', async (_what, status, body, code) => {
    nock(host).post('/v1/media/uploads').reply(status, body, { 'Retry-After': '7' });
    expect(await errorOf(makeJob(pika))).toMatchObject({ code });
  });

  test('the provider pika throws when the storage does not take the picture', async () => {
    nock(host).post('/v1/media/uploads').reply(200, grant);
    nock(storage).put('/in?sig=1').reply(403, '<Error/>');
    expect((await errorOf(makeJob(pika))).code).toBe('PROVIDER_FAILED');
  });

  test.each([
    [{ status: 'queued' }, { state: 'queued' }],
    [{ status: 'running' }, { state: 'running' }],
    [
      { status: 'completed', output: { media_type: 'video', video: { url: 'https://cdn.test/a.mp4' } } },
      { state: 'completed', url: 'https://cdn.test/a.mp4' },
    ],
    [{ status: 'constructor' }, { state: 'running' }],
  ])('the provider pika reads the job %j', async (job, expected) => {
    expect(await check(job)).toEqual(expected);
  });

  const content = `/v1/media/jobs/${jobId}/content`;

  test('the provider pika asks for the content when the finished job does not name it, and again when it is not ready', async () => {
    nock(host).get(content).reply(200, { url: 'https://cdn.test/a.mp4' });
    expect(await check({ status: 'completed' })).toEqual({ state: 'completed', url: 'https://cdn.test/a.mp4' });
    nock(host).get(content).reply(404, { message: 'Content is not ready' });
    expect((await errorOf(check({ status: 'completed' }))).name).toBe('AppError');
    nock(host).get(content).reply(500, {});
    expect((await errorOf(check({ status: 'completed' }))).code).toBe('PROVIDER_FAILED');
  });

  test.each([[{}], [{ url: 'soon' }], [[]], [{ url: 7 }]])(
    'the provider pika knows a finished job as made whose content is %j',
    async (body) => {
      nock(host).get(content).reply(200, body);
      expect(await check({ status: 'completed' })).toEqual({ state: 'completed', url: null });
    },
  );

  test.each([404, 410])(
    'the provider pika has lost the video of a finished job whose content is answered with %i',
    async (status) => {
      nock(host).get(content).reply(status, { message: 'Not found' });
      expect(await check({ status: 'completed' })).toEqual({
        state: 'not_found',
        reason: `HTTP ${status}: {"message":"Not found"}`,
      });
    },
  );

  test.each([
    ['invalid_input', 'INVALID_INPUT'],
    ['content_moderation', 'CONTENT_REFUSED'],
    ['insufficient_balance', 'PROVIDER_QUOTA'],
    ['cycle_limit_exceeded', 'PROVIDER_QUOTA'],
    ['usage_limit_exceeded', 'PROVIDER_QUOTA'],
    ['membership_required', 'PROVIDER_AUTH'],
    ['caller_plan_required', 'PROVIDER_AUTH'],
    ['admission_suspended', 'PROVIDER_AUTH'],
    ['rate_limited', 'PROVIDER_RATE_LIMITED'],
    ['provider_error', 'TASK_FAILED'],
    ['provider_timeout', 'TASK_FAILED'],
    ['provider_unavailable', 'TASK_FAILED'],
    ['timed_out', 'TASK_FAILED'],
    ['internal', 'TASK_FAILED'],
    ['constructor', 'TASK_FAILED'],
    [null, 'TASK_FAILED'],
  ])('the provider pika reads the error code %s of a failed job as %s, not charged', async (code, expected) => {
    const failed = await check({ status: 'failed', error: { code, message: 'no' } });
    expect(failed).toMatchObject({ state: 'failed', code: expected, charged: 'no' });
  });

  test.each([
    [{ state: 'settled', charge_micro_usd: 200_000 }, 'yes'],
    [{ state: 'settled', charge_micro_usd: 0 }, 'no'],
    [{ state: 'pending', charge_micro_usd: 200_000 }, 'no'],
    [null, 'no'],
  ])('the provider pika says of a failed job with the bill %j that it was charged: %s', async (billing, charged) => {
    expect(await check({ status: 'failed', error: null, billing })).toMatchObject({ state: 'failed', charged });
  });

  const finished = { status: 'completed', output: { video: { url: 'https://cdn.test/a.mp4' } } };
  const settled = { state: 'settled', charge_micro_usd: 200_000 };

  test('the provider pika reads what a job cost once its bill is settled', async () => {
    const charge = { currency: 'USD', micros: 200_000 };
    const made = { state: 'completed', url: 'https://cdn.test/a.mp4' };
    expect(await check({ ...finished, billing: settled })).toEqual({ ...made, charge });
    expect(await check({ ...finished, billing: { ...settled, state: 'pending' } })).toEqual(made);
    expect(await check({ status: 'failed', billing: settled })).toMatchObject({ charged: 'yes', charge });
    nock(host).get(content).reply(200, { url: made.url });
    expect(await check({ status: 'completed', billing: settled })).toEqual({ ...made, charge });
  });

  test.each([
    [],
    'settled',
    7,
    { state: 'settled' },
    { ...settled, charge_micro_usd: '200000' },
    { ...settled, charge_micro_usd: -1 },
    { ...settled, charge_micro_usd: 1e300 },
    { ...settled, state: ['settled'] },
    { state: 'unavailable' },
  ])('the provider pika reads no cost from the bill %j, and the job nevertheless', async (billing) => {
    expect(await check({ ...finished, billing })).toEqual({ state: 'completed', url: 'https://cdn.test/a.mp4' });
    expect(await check({ status: 'failed', billing })).toMatchObject({ state: 'failed', charged: 'no' });
    expect(await check({ status: 'queued', billing })).toEqual({ state: 'queued' });
  });

  test.each([
    [400, { message: 'bad' }, 'INVALID_INPUT'],
    [401, { message: 'bad key' }, 'PROVIDER_AUTH'],
    [402, { message: 'pay' }, 'PROVIDER_QUOTA'],
    [403, { message: 'Key is not active' }, 'PROVIDER_AUTH'],
    [404, { message: 'no such model' }, 'PROVIDER_NOT_CONFIGURED'],
    [413, { message: 'big' }, 'INVALID_INPUT'],
    [415, { message: 'type' }, 'INVALID_INPUT'],
    [422, { message: 'schema' }, 'INVALID_INPUT'],
    [400, refusedJob('content_moderation'), 'CONTENT_REFUSED'],
    [403, refusedJob('membership_required'), 'PROVIDER_AUTH'],
    [429, refusedJob('insufficient_balance'), 'PROVIDER_QUOTA'],
    [503, refusedJob('admission_suspended'), 'PROVIDER_AUTH'],
  ])('the provider pika takes a create answered with %i %j as refused', async (status, body, code) => {
    nock(host).post(create).reply(status, body);
    expect(await submit()).toMatchObject({ state: 'refused', code });
  });

  test.each([
    [429, { message: 'slow down' }, 'PROVIDER_RATE_LIMITED'],
    [400, refusedJob('rate_limited'), 'PROVIDER_RATE_LIMITED'],
    [503, refusedJob('provider_unavailable'), 'PROVIDER_FAILED'],
    [503, { message: 'Unavailable' }, 'PROVIDER_FAILED'],
  ])('the provider pika takes a create answered with %i %j as not taken yet', async (status, body, code) => {
    nock(host).post(create).reply(status, body, { 'Retry-After': '7' });
    expect(await submit()).toMatchObject({ state: 'not_accepted', code, retryAfterMs: 7000 });
  });

  test.each([
    [409, { message: 'Idempotency-Key was used with another request' }],
    [409, refusedJob('invalid_input')],
    [408, {}],
    [500, { message: 'oops' }],
    [500, refusedJob('internal')],
    [502, ''],
    [504, '<html>'],
    [503, '<html>'],
  ])('the provider pika does not know what became of a create answered with %i %j', async (status, body) => {
    nock(host).post(create).reply(status, body);
    expect((await errorOf(submit())).code).toBe('PROVIDER_FAILED');
  });

  test('the provider pika keeps the key of an attempt, whatever the vendor answered before, so that it can never pay twice', async () => {
    takeUpload();
    const job = await makeJob(pika);
    const keys: string[] = [];
    for (const [status, body] of [
      [502, ''],
      [429, { message: 'slow down' }],
      [429, refusedJob('rate_limited')],
      [202, { id: jobId, status: 'queued' }],
    ] as const) {
      nock(host)
        .post(create, job.prepared as nock.DataMatcherMap)
        .reply(function () {
          keys.push(String(this.req.headers['idempotency-key']));
          return [status, body];
        });
      await pika.submit(job, open()).catch(() => undefined);
    }
    expect(keys).toEqual([job.attempt_id, job.attempt_id, job.attempt_id, job.attempt_id]);
  });

  test('the provider pika takes a job for cancelled once it is erased, and not when the erasure was only accepted', async () => {
    nock(host).delete(`/v1/media/jobs/${jobId}`).reply(204);
    await pika.cancel!(jobId, open());
    nock(host).delete(`/v1/media/jobs/${jobId}`).reply(404, { message: 'no such job' });
    await errorOf(pika.cancel!(jobId, open()));
    for (const status of [503, 500]) {
      nock(host).delete(`/v1/media/jobs/${jobId}`).reply(status, { message: 'cleanup accepted' });
      expect((await errorOf(pika.cancel!(jobId, open()))).code).toBe('PROVIDER_FAILED');
    }
  });
});

describe('the double of pika', () => {
  test('the double of pika refuses another body under a key that was used', async () => {
    nock.restore();
    const double = await startDouble('pika');
    const send = (prompt: string) =>
      fetch(double.url + create, {
        method: 'POST',
        headers: { 'X-API-Key': 'k', 'Idempotency-Key': 'one', 'Content-Type': 'application/json' },
        body: JSON.stringify({ image: 'https://cdn.test/in.jpg', prompt }),
      });
    const statuses = [await send('a'), await send('a'), await send('b')].map(({ status }) => status);
    expect(statuses).toEqual([202, 200, 409]);
    expect(await double.accepted()).toHaveLength(1);
    await double.stop();
  });
});
