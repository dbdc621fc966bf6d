import nock from 'nock';
import type { LlmProvider } from '../../src/services/provider';
import { describeLlmProvider, failureOf, imageBase64, loadProvider, question, still } from './llm-provider.suite';

type Body = Record<string, unknown> & { messages: { role: string; content: unknown }[] };

const answer = '{"message":"慢慢推进。","patch":{"camera_movement":"push_in"}}';
const completion = (content: string | null, finish = 'stop') => ({
  model: 'qwen3.8-flash',
  choices: [{ message: { role: 'assistant', content, reasoning_content: 'hm' }, finish_reason: finish }],
});
const key = 'sk-canary-0123456789';
const env = { DASHSCOPE_API_KEY: key };
const host = 'https://dashscope.aliyuncs.com';

function answerWith(origin: string, ...replies: [status: number, body: unknown, headers?: Record<string, string>][]) {
  const bodies: Body[] = [];
  for (const [status, body, headers] of replies) {
    nock(origin, { reqheaders: { authorization: `Bearer ${key}` } })
      .post('/compatible-mode/v1/chat/completions', (sent: Body) => Boolean(bodies.push(sent)))
      .reply(status, body as nock.Body, headers);
  }
  return bodies;
}

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.restore());
afterEach(() => {
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
});

describe('Qwen', () => {
  test('Qwen gets thinking switched off, a schema, the history and the picture once', async () => {
    const bodies = answerWith(host, [200, completion(answer)]);
    const qwen = loadProvider('qwen', env);
    expect(await qwen.suggest(question, still())).toEqual({ text: answer, model: 'qwen3.8-flash' });
    const [body] = bodies;
    expect(Object.keys(body ?? {}).sort()).toEqual(['enable_thinking', 'messages', 'model', 'response_format']);
    expect(body).toMatchObject({ model: 'qwen3.8-flash', enable_thinking: false });
    expect(body?.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ]);
    expect(JSON.stringify(body).split(imageBase64)).toHaveLength(2);
    expect(body?.messages.at(-1)?.content).toMatchObject([{ type: 'text' }, { type: 'image_url' }]);
  });

  test('Qwen is asked at the host of the setting', async () => {
    const bodies = answerWith('https://dashscope-intl.aliyuncs.com', [200, completion(answer)]);
    const base = 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1/';
    await loadProvider('qwen', { ...env, DASHSCOPE_BASE_URL: base, QWEN_MODEL: 'qwen4-max' }).suggest(
      question,
      still(),
    );
    expect(bodies[0]).toMatchObject({ model: 'qwen4-max' });
  });

  test('Qwen is not ready without a key', () => {
    expect(loadProvider('qwen', {}).settings.missing).toEqual(['DASHSCOPE_API_KEY']);
  });
});

describe('the errors of Qwen', () => {
  let qwen: LlmProvider;
  beforeAll(() => {
    qwen = loadProvider('qwen', env);
  });

  test.each<[number, string, string, RegExp]>([
    [400, 'invalid_parameter_error', 'PROVIDER_FAILED', /QWEN_MODEL/],
    [400, 'Arrearage', 'PROVIDER_QUOTA', /unpaid/],
    [400, 'data_inspection_failed', 'CONTENT_REFUSED', /Qwen refused this under its content policy/],
    [401, 'invalid_api_key', 'PROVIDER_AUTH', /one region only.*DASHSCOPE_BASE_URL/],
    [401, 'InvalidApiKey', 'PROVIDER_AUTH', /one region only.*DASHSCOPE_BASE_URL/],
    [403, 'access_denied', 'PROVIDER_AUTH', /permissions/],
    [403, 'AccessDenied.Unpurchased', 'PROVIDER_AUTH', /permissions/],
    [403, 'AllocationQuota.FreeTierOnly', 'PROVIDER_QUOTA', /free quota/],
    [404, 'model_not_found', 'PROVIDER_NOT_CONFIGURED', /QWEN_MODEL/],
    [400, 'model_not_supported', 'PROVIDER_NOT_CONFIGURED', /QWEN_MODEL/],
    [408, 'RequestTimeOut', 'PROVIDER_TIMEOUT', /in time/],
    [413, 'too_large', 'PROVIDER_FAILED', /did not accept/],
    [429, 'limit_requests', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'Throttling.RateQuota', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'limit_burst_rate', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'insufficient_quota', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'Throttling.AllocationQuota', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [500, 'internal_error', 'PROVIDER_FAILED', /on its side/],
    [500, 'RequestTimeOut', 'PROVIDER_TIMEOUT', /in time/],
    [503, 'ModelUnavailable', 'PROVIDER_FAILED', /on its side/],
    [504, 'timeout', 'PROVIDER_TIMEOUT', /in time/],
  ])('an answer %i %s of Qwen is %s, in both forms of its body', async (status, vendorCode, code, sentence) => {
    const compatible = {
      error: { message: `vendor text ${key}`, type: 'x', param: null, code: vendorCode },
      request_id: 'r-1',
    };
    const native = { code: vendorCode, message: `vendor text ${key}`, request_id: 'r-1' };
    for (const body of [compatible, native]) {
      // What names nothing is asked again in simpler forms.
      const count = vendorCode === 'invalid_parameter_error' ? 5 : 1;
      answerWith(host, ...Array<[number, unknown]>(count).fill([status, body]));
      const failure = await failureOf(qwen.suggest(question, still()));
      expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string, cause: { status } });
      expect(failure.message).not.toContain('vendor text');
      expect(failure.cause?.message).toMatch(/vendor text.*r-1/);
      expect(failure.cause?.message).not.toContain(key);
    }
  });

  test('the errors of Qwen honour Retry-After', async () => {
    answerWith(host, [429, { code: 'limit_requests' }, { 'Retry-After': '3' }]);
    expect(await failureOf(qwen.suggest(question, still()))).toMatchObject({ retryAfterMs: 3000 });
  });

  test('the errors of Qwen say that thinking ate the answer', async () => {
    answerWith(host, [200, completion('', 'length')]);
    const failure = await failureOf(qwen.suggest(question, still()));
    expect(failure).toMatchObject({
      code: 'PROVIDER_BAD_REPLY',
      message: expect.stringContaining('QWEN_MODEL') as string,
    });
  });
});

describeLlmProvider('qwen', {
  variables: (url, secret) => ({ DASHSCOPE_API_KEY: secret, DASHSCOPE_BASE_URL: `${url}/compatible-mode/v1` }),
  path: '/compatible-mode/v1/chat/completions',
  moderated: { status: 400, body: { error: { message: 'no', code: 'data_inspection_failed' } } },
  withoutCredit: { status: 400, body: { code: 'Arrearage', message: 'no' } },
  empty: completion(null),
});
