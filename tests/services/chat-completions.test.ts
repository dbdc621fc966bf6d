import nock from 'nock';
import { chat, type ChatServer } from '../../src/services/chat-completions';
import { failureOf, question, still } from './llm-provider.suite';

type Body = Record<string, unknown> & { messages: { role: string; content: unknown }[] };

const origin = 'https://models.example.org';
const good = { choices: [{ message: { content: '{"message":"Push in.","patch":{}}' }, finish_reason: 'stop' }] };
const fault = (message: string, param: string | null = null) => ({ error: { message, param, type: 'x', code: null } });
const noFormat = fault("'response_format' of type 'json_schema' is not supported");

let servers = 0;

/** A server that is met for the first time, and answers in turn; the bodies of its requests are kept. */
function meet(fields: Record<string, unknown>, ...replies: [status: number, body: unknown][]) {
  servers += 1;
  const server: ChatServer = {
    label: 'The server',
    baseUrl: `${origin}/v${servers}`,
    keyVariable: 'KEY',
    model: 'any',
    modelVariable: 'MODEL',
    fields,
    classify: ({ codes }) => (codes.includes('moderated') ? ['CONTENT_REFUSED', 'No.'] : undefined),
  };
  const bodies: Body[] = [];
  for (const [status, body] of replies) {
    nock(origin)
      .post(`/v${servers}/chat/completions`, (sent: Body) => Boolean(bodies.push(sent)))
      .reply(status, body as nock.Body);
  }
  return { bodies, ask: () => chat(server, question, still()) };
}

const formatsOf = (bodies: Body[]) =>
  bodies.map((body) => (body.response_format as { type?: string } | undefined)?.type);

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.restore());
afterEach(() => {
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
});

describe('the form of the reply', () => {
  test('the form of the reply is json_object where there is no schema mode, with the schema in the rules, and that is remembered', async () => {
    const { bodies, ask } = meet({}, [400, noFormat], [200, good], [200, good]);
    await ask();
    await ask();
    expect(formatsOf(bodies)).toEqual(['json_schema', 'json_object', 'json_object']);
    expect(bodies[1]?.messages[0]?.content).toContain(JSON.stringify(question.schema));
  });

  test('the form of the reply is left to the rules where there is no JSON mode at all', async () => {
    const { bodies, ask } = meet({}, [400, noFormat], [400, fault('no')], [200, good]);
    await ask();
    expect(formatsOf(bodies)).toEqual(['json_schema', 'json_object', undefined]);
  });

  test('the form of the reply is not json_object with LM Studio, whose error is a bare string', async () => {
    const bare = { error: "'response_format.type' must be 'json_schema' or 'text'" };
    const { bodies, ask } = meet({}, [400, bare], [200, good]);
    await ask();
    expect(formatsOf(bodies)).toEqual(['json_schema', undefined]);
  });

  test('the form of the reply is not changed when the words were refused', async () => {
    const moderated = { error: { message: 'response_format', code: 'moderated' } };
    const { ask } = meet({}, [400, moderated]);
    expect((await failureOf(ask())).code).toBe('CONTENT_REFUSED');
  });

  test('the form of the reply is given up after the last step', async () => {
    const replies: [number, unknown][] = [1, 2, 3, 4].map(() => [400, noFormat]);
    const { bodies, ask } = meet({}, ...replies);
    expect((await failureOf(ask())).code).toBe('PROVIDER_FAILED');
    expect(bodies).toHaveLength(4);
  });
});

describe('a parameter that the model does not know', () => {
  test('a parameter that the model does not know is renamed where the answer names its new name, and that is remembered', async () => {
    const refusal = fault("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", 'max_tokens');
    const { bodies, ask } = meet({ max_tokens: 9 }, [400, refusal], [200, good], [200, good]);
    await ask();
    await ask();
    expect(bodies.map((body) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [9, undefined],
      [undefined, 9],
      [undefined, 9],
    ]);
  });

  test.each([
    ['in a field', fault('Unsupported value', 'reasoning_effort')],
    ['in words only', fault('Unrecognized request argument supplied: reasoning_effort')],
  ])('a parameter that the model does not know is left out when it is named %s', async (_where, refusal) => {
    const { bodies, ask } = meet({ reasoning_effort: 'none', store: false }, [400, refusal], [200, good]);
    await ask();
    expect(bodies[1]).not.toHaveProperty('reasoning_effort');
    expect(bodies[1]).toHaveProperty('store', false);
  });

  test('a parameter that the model does not know is not tried under its old name again', async () => {
    const refusal = fault("'max_tokens' or 'max_completion_tokens' is wrong", 'max_tokens');
    const { bodies, ask } = meet({ max_tokens: 9 }, [400, refusal], [400, refusal]);
    expect((await failureOf(ask())).code).toBe('PROVIDER_FAILED');
    expect(bodies).toHaveLength(2);
  });

  test('a parameter that the model does not know does not keep a model that always thinks from answering', async () => {
    const always = fault('parameter enable_thinking must be true');
    const jsonMode = fault('Json mode response is not supported when enable_thinking is true');
    const replies: [number, unknown][] = [
      [400, always],
      [400, jsonMode],
      [400, jsonMode],
      [200, good],
    ];
    const { bodies, ask } = meet({ enable_thinking: false }, ...replies);
    await ask();
    expect(Object.keys(bodies[3] ?? {}).sort()).toEqual(['messages', 'model']);
  });
});
