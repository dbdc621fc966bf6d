import nock from 'nock';
import type { LlmProvider } from '../../src/services/provider';
import { describeLlmProvider, failureOf, imageBase64, loadProvider, question, still } from './llm-provider.suite';

type Body = Record<string, unknown> & { messages: { role: string; content: unknown }[] };

const answer = '{"message":"Push in slowly.","patch":{"camera_movement":"push_in"}}';
const completion = (message: object, finish = 'stop') => ({
  id: 'chatcmpl-1',
  model: 'gpt-6-luna-2026-10-01',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage: { prompt_tokens: 10, completion_tokens: 10 },
});
const good = completion({ content: answer });
const key = 'sk-canary-0123456789';
const env = { OPENAI_API_KEY: key };
const localUrl = 'http://127.0.0.1:11434';
const local = { OPENAI_BASE_URL: `${localUrl}/v1`, OPENAI_MODEL: 'qwen3-vl:8b' };

/** Answers requests in turn and keeps their bodies. */
function answerWith(origin: string, ...replies: [status: number, body: unknown, headers?: Record<string, string>][]) {
  const bodies: Body[] = [];
  const headers: Record<string, unknown>[] = [];
  for (const [status, body, replyHeaders] of replies) {
    nock(origin)
      .post('/v1/chat/completions', (sent: Body) => Boolean(bodies.push(sent)))
      .reply(function () {
        headers.push(this.req.headers);
        return [status, body as nock.Body, replyHeaders ?? {}];
      });
  }
  return { bodies, headers };
}

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.restore());
afterEach(() => {
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
});

describe('OpenAI', () => {
  let openai: LlmProvider;
  beforeAll(() => {
    openai = loadProvider('openai', env);
  });

  test('OpenAI gets the key, the rules, the history and the picture on the current turn only', async () => {
    const { bodies, headers } = answerWith('https://api.openai.com', [200, good]);
    expect(await openai.suggest(question, still())).toEqual({ text: answer, model: 'gpt-6-luna-2026-10-01' });
    expect(headers[0]).toMatchObject({ authorization: `Bearer ${key}` });
    expect(bodies[0]).toEqual({
      model: 'gpt-6-luna',
      max_completion_tokens: 4096,
      reasoning_effort: 'none',
      store: false,
      messages: [
        { role: 'system', content: question.system },
        { role: 'user', content: 'make it calmer' },
        { role: 'assistant', content: question.history[0]?.assistant },
        { role: 'user', content: 'warmer' },
        { role: 'assistant', content: question.history[1]?.assistant },
        {
          role: 'user',
          content: [
            { type: 'text', text: question.question },
            { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${imageBase64}` } },
          ],
        },
      ],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'shot_suggestion', schema: question.schema, strict: true },
      },
    });
  });

  test('OpenAI gets plain text when there is no picture', async () => {
    const { bodies } = answerWith('https://api.openai.com', [200, good]);
    await openai.suggest({ ...question, imageJpeg: null }, still());
    expect(bodies[0]?.messages.at(-1)).toEqual({ role: 'user', content: question.question });
  });

  test('OpenAI gets its own fields at the regional hosts too', async () => {
    const { bodies } = answerWith('https://eu.api.openai.com', [200, good]);
    const european = loadProvider('openai', { ...env, OPENAI_BASE_URL: 'https://eu.api.openai.com/v1/' });
    await european.suggest(question, still());
    expect(bodies[0]).toHaveProperty('store', false);
  });

  test('OpenAI is not ready without a key', () => {
    expect(loadProvider('openai', {}).settings.missing).toEqual(['OPENAI_API_KEY']);
  });
});

describe('a server of the OpenAI shape', () => {
  test('a server of the OpenAI shape gets only what all of them know, and needs no key', async () => {
    const { bodies, headers } = answerWith(localUrl, [200, good]);
    const provider = loadProvider('openai', local);
    await provider.suggest(question, still());
    expect(provider.settings.missing).toEqual([]);
    expect(Object.keys(bodies[0] ?? {}).sort()).toEqual(['max_tokens', 'messages', 'model', 'response_format']);
    expect(headers[0]).not.toHaveProperty('authorization');
  });

  test('a server of the OpenAI shape gets the key where there is one, and is not taken for OpenAI by a similar name', async () => {
    const { bodies, headers } = answerWith('https://notapi.openai.com.example.org', [200, good]);
    const base = 'https://notapi.openai.com.example.org/v1';
    await loadProvider('openai', { ...env, OPENAI_BASE_URL: base }).suggest(question, still());
    expect(headers[0]).toHaveProperty('authorization', `Bearer ${key}`);
    expect(bodies[0]).not.toHaveProperty('store');
  });
});

describe('the errors of OpenAI', () => {
  const vendorError = (code: string) => ({
    error: { message: `vendor text with ${key}`, type: 'invalid_request_error', param: null, code },
  });
  let openai: LlmProvider;
  beforeAll(() => {
    openai = loadProvider('openai', env);
  });

  test.each<[number, string, string, RegExp]>([
    [400, 'context_length_exceeded', 'PROVIDER_FAILED', /too long/],
    [400, 'content_policy_violation', 'CONTENT_REFUSED', /OpenAI refused this under its content policy/],
    [400, 'something', 'PROVIDER_FAILED', /OPENAI_MODEL/],
    [401, 'invalid_api_key', 'PROVIDER_AUTH', /check OPENAI_API_KEY/],
    [403, 'unsupported_country_region_territory', 'PROVIDER_AUTH', /permissions and region/],
    [404, 'model_not_found', 'PROVIDER_NOT_CONFIGURED', /"gpt-6-luna".*OPENAI_MODEL/],
    [408, 'timeout', 'PROVIDER_TIMEOUT', /in time/],
    [409, 'conflict', 'PROVIDER_FAILED', /did not accept/],
    [413, 'too_large', 'PROVIDER_FAILED', /too long/],
    [422, 'unprocessable', 'PROVIDER_FAILED', /did not accept/],
    [429, 'rate_limit_exceeded', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'slow_down', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [429, 'insufficient_quota', 'PROVIDER_QUOTA', /out of credits/],
    [429, 'credit_balance_exhausted', 'PROVIDER_QUOTA', /out of credits/],
    [500, 'server_error', 'PROVIDER_FAILED', /on its side/],
    [503, 'server_is_overloaded', 'PROVIDER_FAILED', /on its side/],
    [504, 'timeout', 'PROVIDER_TIMEOUT', /in time/],
  ])('an answer %i %s of OpenAI is %s, in our words', async (status, vendorCode, code, sentence) => {
    // What names nothing is asked again in simpler forms; what is too long only without its cap.
    const isUnnamed = code === 'PROVIDER_FAILED' && [400, 422].includes(status);
    const count = vendorCode === 'context_length_exceeded' ? 2 : isUnnamed ? 5 : 1;
    const reply: [number, unknown, Record<string, string>] = [
      status,
      vendorError(vendorCode),
      { 'x-request-id': 'req_1' },
    ];
    answerWith('https://api.openai.com', ...Array<typeof reply>(count).fill(reply));
    const failure = await failureOf(openai.suggest(question, still()));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string, cause: { status } });
    expect(failure.message).not.toContain('vendor text');
    expect(failure.cause?.message).toMatch(new RegExp(`${vendorCode}.*vendor text.*req_1`));
    expect(failure.cause?.message).not.toContain(key);
  });

  test.each<[string, number, unknown, string, RegExp]>([
    ['an empty body', 500, '', 'PROVIDER_FAILED', /on its side/],
    ['a page of a proxy', 502, '<html>bad gateway</html>', 'PROVIDER_FAILED', /on its side/],
    ['a bare string', 401, { error: 'no' }, 'PROVIDER_AUTH', /OPENAI_API_KEY/],
    ['a redirect', 302, '', 'PROVIDER_FAILED', /base URL/],
    ['a page with 200', 200, '<html>login</html>', 'PROVIDER_BAD_REPLY', /documentation/],
    ['no choice', 200, { choices: [] }, 'PROVIDER_BAD_REPLY', /documentation/],
    ['an error with 200', 200, { error: { message: 'late' } }, 'PROVIDER_FAILED', /on its side/],
    ['only thinking', 200, completion({ content: null }, 'length'), 'PROVIDER_BAD_REPLY', /on reasoning/],
    ['a refusal', 200, completion({ content: null, refusal: 'no' }), 'CONTENT_REFUSED', /declined to answer/],
    ['a filtered answer', 200, completion({ content: '' }, 'content_filter'), 'CONTENT_REFUSED', /declined to answer/],
  ])('an error of OpenAI with %s (%i) is understood', async (_what, status, body, code, sentence) => {
    answerWith('https://api.openai.com', [status, body]);
    const failure = await failureOf(openai.suggest(question, still()));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string });
  });

  test.each([
    [{ 'Retry-After': '7' }, 7000],
    [{ 'Retry-After-Ms': '1500', 'Retry-After': '2' }, 1500],
    [{}, undefined],
  ])('the errors of OpenAI tell with %j how long to stay away', async (headers, retryAfterMs) => {
    answerWith('https://api.openai.com', [429, vendorError('rate_limit_exceeded'), headers]);
    const failure = await failureOf(openai.suggest(question, still()));
    expect(failure).toMatchObject({ retryAfterMs });
  });

  test('the errors of OpenAI never hold the picture', async () => {
    const echo = { error: { message: `cannot read data:image/jpeg;base64,${'QUJD'.repeat(500)}` } };
    answerWith('https://api.openai.com', [400, echo]);
    const failure = await failureOf(openai.suggest(question, still()));
    expect(failure.cause?.message).not.toContain('QUJDQUJD');
  });

  test('the errors of OpenAI come at once when the caller hangs up', async () => {
    nock('https://api.openai.com').post('/v1/chat/completions').delay(10_000).reply(200, good);
    const caller = new AbortController();
    const call = failureOf(openai.suggest(question, caller.signal));
    setImmediate(() => caller.abort());
    expect((await call).code).toBe('PROVIDER_TIMEOUT');
    nock.abortPendingRequests();
    nock.cleanAll();
  });
});

const tooLittle = { error: { message: 'no', type: 'insufficient_quota', param: null, code: 'insufficient_quota' } };

describeLlmProvider('openai', {
  variables: (url, secret) => ({ OPENAI_API_KEY: secret, OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: 'any' }),
  path: '/v1/chat/completions',
  moderated: { status: 400, body: { error: { message: 'no', code: 'content_policy_violation' } } },
  withoutCredit: { status: 429, body: tooLittle },
  empty: completion({ content: '' }),
});
