import nock from 'nock';
import type { LlmProvider } from '../../src/services/provider';
import { describeLlmProvider, failureOf, imageBase64, loadProvider, question, still } from './llm-provider.suite';

type Body = Record<string, unknown> & { messages: { role: string; content: unknown }[] };

const answer = '{"message":"Push in slowly.","patch":{"camera_movement":"push_in"}}';
const reply = (content: object[], stop = 'end_turn') => ({
  id: 'msg_1',
  type: 'message',
  model: 'claude-sonnet-5-5',
  content,
  stop_reason: stop,
  usage: { input_tokens: 1, output_tokens: 1 },
});
const good = reply([
  { type: 'thinking', thinking: 'hm', signature: 's' },
  { type: 'text', text: answer.slice(0, 20) },
  { type: 'text', text: answer.slice(20) },
]);
const key = 'sk-ant-canary-0123456789';
const env = { ANTHROPIC_API_KEY: key };
const host = 'https://api.anthropic.com';

function answerWith(origin: string, ...replies: [status: number, body: unknown, headers?: Record<string, string>][]) {
  const bodies: Body[] = [];
  const headers: Record<string, unknown>[] = [];
  for (const [status, body, replyHeaders] of replies) {
    nock(origin)
      .post('/v1/messages', (sent: Body) => Boolean(bodies.push(sent)))
      .reply(function () {
        headers.push(this.req.headers);
        return [status, body as nock.Body, replyHeaders ?? {}];
      });
  }
  return { bodies, headers };
}

const vendorError = (type: string, message = `vendor text ${key}`, details?: object) => ({
  type: 'error',
  error: { type, message, details },
  request_id: 'req_1',
});

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.restore());
afterEach(() => {
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
});

describe('Claude', () => {
  test('Claude gets the key, the version, the rules apart, the history, and the picture before the question', async () => {
    const { bodies, headers } = answerWith(host, [200, good]);
    const claude = loadProvider('claude', env);
    expect(await claude.suggest(question, still())).toEqual({ text: answer, model: 'claude-sonnet-5-5' });
    expect(headers[0]).toMatchObject({ 'x-api-key': key, 'anthropic-version': '2026-10-21' });
    expect(bodies[0]).toEqual({
      model: 'claude-sonnet-5-5',
      max_tokens: 8192,
      system: question.system,
      output_config: { effort: 'low', format: { type: 'json_schema', schema: question.schema } },
      messages: [
        { role: 'user', content: 'make it calmer' },
        { role: 'assistant', content: question.history[0]?.assistant },
        { role: 'user', content: 'warmer' },
        { role: 'assistant', content: question.history[1]?.assistant },
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: imageBase64 } },
            { type: 'text', text: question.question },
          ],
        },
      ],
    });
  });

  test('Claude is found by a base URL with /v1 too, and at another version', async () => {
    const { headers } = answerWith('https://claude.example.org', [200, good]);
    const variables = { ANTHROPIC_BASE_URL: 'https://claude.example.org/v1/', ANTHROPIC_VERSION: '2023-06-01' };
    await loadProvider('claude', { ...env, ...variables }).suggest({ ...question, imageJpeg: null }, still());
    expect(headers[0]).toMatchObject({ 'anthropic-version': '2023-06-01' });
  });

  test('Claude is not ready without a key', () => {
    expect(loadProvider('claude', {}).settings.missing).toEqual(['ANTHROPIC_API_KEY']);
  });

  test('Claude is asked without what its model does not know, with the schema in the rules instead, from then on', async () => {
    const noEffort = vendorError('invalid_request_error', 'This model does not support the effort parameter.');
    const noFormat = vendorError('invalid_request_error', 'output_config.format: not supported by this model');
    const { bodies } = answerWith(host, [400, noEffort], [400, noFormat], [200, good], [200, good]);
    const claude = loadProvider('claude', env);
    await claude.suggest(question, still());
    await claude.suggest(question, still());
    const format = { type: 'json_schema', schema: question.schema };
    expect(bodies.map((body) => body.output_config)).toEqual([
      { effort: 'low', format },
      { format },
      undefined,
      undefined,
    ]);
    expect(bodies[3]?.system).toContain(JSON.stringify(question.schema));
  });

  test('Claude of an older server is asked without output_config', async () => {
    const refusal = vendorError('invalid_request_error', 'output_config: Extra inputs are not permitted');
    const { bodies } = answerWith(host, [400, refusal], [200, good]);
    await loadProvider('claude', env).suggest(question, still());
    expect(bodies[1]).not.toHaveProperty('output_config');
  });
});

describe('a server of the shape of Claude', () => {
  const hasPicture = (body: Body) => JSON.stringify(body).includes('image/jpeg');

  test.each([
    ['names the picture', 400, vendorError('invalid_request_error', 'This model does not support image input.'), 2],
    ['knows no such block', 422, { detail: [{ msg: "unknown variant `image`, expected 'text'" }] }, 2],
    [
      'has no eyes',
      500,
      vendorError('api_error', 'image input is not supported - you may need to provide the mmproj'),
      2,
    ],
    ['tells it inside a 200', 200, vendorError('invalid_request_error', 'text-only model'), 2],
    // Without the format, without the picture, then without both.
    ['names nothing', 400, vendorError('invalid_request_error', 'bad request'), 3],
  ])(
    'a server of the shape of Claude that %s is asked without the picture, from then on at once',
    async (_what, status, refusal, requests) => {
      const bodies: Body[] = [];
      nock(host)
        .persist()
        .post('/v1/messages', (sent: Body) => Boolean(bodies.push(sent)))
        .reply(() => (hasPicture(bodies.at(-1)!) ? [status, refusal] : [200, good]));
      const claude = loadProvider('claude', env);
      expect(await claude.suggest(question, still())).toMatchObject({ text: answer, isImageUnseen: true });
      expect(bodies).toHaveLength(requests);
      await claude.suggest(question, still());
      expect(bodies).toHaveLength(requests + 1);
      expect(bodies.map(hasPicture)).toEqual([...Array<boolean>(requests - 1).fill(true), false, false]);
      nock.cleanAll();
    },
  );

  const events = [
    { type: 'message_start', message: { model: 'claude-sonnet-5-5', content: [] } },
    { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: '{"message":"no"}' } },
    { type: 'content_block_delta', delta: { type: 'text_delta', text: answer.slice(0, 30) } },
    { type: 'content_block_delta', delta: { type: 'text_delta', text: answer.slice(30) } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
  ];

  test.each<[string, unknown]>([
    ['text that is no list', { model: 'claude-sonnet-5-5', content: answer, stop_reason: 'end_turn' }],
    ['the input of a tool', reply([{ type: 'tool_use', input: JSON.parse(answer) as object }], 'tool_use')],
    ['an event stream', events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')],
  ])('a server of the shape of Claude is read when it answers with %s', async (_what, body) => {
    answerWith(host, [200, body]);
    const reply = await loadProvider('claude', env).suggest(question, still());
    expect(reply).toEqual({ text: answer, model: 'claude-sonnet-5-5' });
  });
});

describe('the errors of Claude', () => {
  let claude: LlmProvider;
  beforeAll(() => {
    claude = loadProvider('claude', env);
  });

  test.each<[number, string, string, RegExp]>([
    [400, 'invalid_request_error', 'PROVIDER_FAILED', /ANTHROPIC_MODEL/],
    [401, 'authentication_error', 'PROVIDER_AUTH', /ANTHROPIC_API_KEY/],
    [402, 'billing_error', 'PROVIDER_QUOTA', /no credit/],
    [403, 'permission_error', 'PROVIDER_AUTH', /permissions/],
    [404, 'not_found_error', 'PROVIDER_NOT_CONFIGURED', /"claude-sonnet-5-5".*ANTHROPIC_MODEL/],
    [409, 'conflict_error', 'PROVIDER_FAILED', /did not accept/],
    [413, 'request_too_large', 'PROVIDER_FAILED', /too long/],
    [429, 'rate_limit_error', 'PROVIDER_RATE_LIMITED', /in a minute/],
    [500, 'api_error', 'PROVIDER_FAILED', /on its side/],
    [504, 'timeout_error', 'PROVIDER_TIMEOUT', /in time/],
    [529, 'overloaded_error', 'PROVIDER_FAILED', /on its side/],
  ])('an answer %i %s of Claude is %s', async (status, type, code, sentence) => {
    // What names nothing is asked again in simpler forms.
    answerWith(host, ...Array<[number, unknown]>(status === 400 ? 4 : 1).fill([status, vendorError(type)]));
    const failure = await failureOf(claude.suggest(question, still()));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string, cause: { status } });
    expect(failure.message).not.toContain('vendor text');
    expect(failure.cause?.message).toMatch(new RegExp(`${type}.*vendor text.*req_1`));
    expect(failure.cause?.message).not.toContain(key);
  });

  const spendLimit = { error_code: 'enforced_spend_limit_reached' };

  test.each<[string, number, object, string]>([
    [
      'a monthly limit',
      400,
      vendorError('invalid_request_error', 'You met your monthly spend limit'),
      'PROVIDER_QUOTA',
    ],
    ['an empty account', 400, vendorError('invalid_request_error', 'Your credit balance is too low'), 'PROVIDER_QUOTA'],
    ['a spend limit', 429, vendorError('rate_limit_error', 'Stop', spendLimit), 'PROVIDER_QUOTA'],
    ['a long history', 400, vendorError('invalid_request_error', 'prompt is too long: 2 > 1'), 'PROVIDER_FAILED'],
  ])('an error of Claude with %s (%i) is understood', async (_what, status, body, code) => {
    answerWith(host, [status, body]);
    expect((await failureOf(claude.suggest(question, still()))).code).toBe(code);
  });

  test.each<[string, unknown, string]>([
    ['a refusal', reply([{ type: 'text', text: 'no' }], 'refusal'), 'CONTENT_REFUSED'],
    ['only thinking', reply([{ type: 'thinking', thinking: 'hm' }], 'max_tokens'), 'PROVIDER_BAD_REPLY'],
    ['a full context', reply([], 'model_context_window_exceeded'), 'PROVIDER_BAD_REPLY'],
    ['a page', '<html>', 'PROVIDER_BAD_REPLY'],
    ['no content', { type: 'message' }, 'PROVIDER_BAD_REPLY'],
  ])('an error of Claude with %s is understood', async (_what, body, code) => {
    answerWith(host, [200, body]);
    expect((await failureOf(claude.suggest(question, still()))).code).toBe(code);
  });

  test('the errors of Claude honour Retry-After', async () => {
    answerWith(host, [429, vendorError('rate_limit_error'), { 'Retry-After': '11' }]);
    const failure = await failureOf(claude.suggest(question, still()));
    expect(failure).toMatchObject({ retryAfterMs: 11_000 });
  });
});

describeLlmProvider('claude', {
  variables: (url, secret) => ({ ANTHROPIC_API_KEY: secret, ANTHROPIC_BASE_URL: url }),
  path: '/v1/messages',
  moderated: { status: 200, body: reply([], 'refusal') },
  withoutCredit: { status: 402, body: vendorError('billing_error', 'no') },
  empty: reply([]),
});
