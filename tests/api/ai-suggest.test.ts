import { startDouble, type StartedDouble } from '../doubles/start-double';
import { nobody } from '../fixtures/workspaces';
import { eventually } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import { changeStored } from '../helpers/stored';
import { createId, expectError, server, tab, useServer } from '../helpers/tabs';

useServer();

const suggest = (body: object) => server.post('/api/ai/suggest', body);

test('a suggestion is stored before it is answered, told to every tab, and the same request_id gets the same one', async () => {
  const workspace_id = await createId();
  const since = tab.frames.length;
  const message = '让画面更有电影感';
  const first = await suggest({ workspace_id, message, request_id: 'ask-1' });
  expect(first).toMatchObject({ status: 200, body: { workspace_id, entry: { message, provider: 'local' } } });
  const [again, later] = await Promise.all([
    suggest({ workspace_id, message, request_id: 'ask-1' }),
    suggest({ workspace_id, message, request_id: 'ask-1' }),
  ]);
  expect(again.body).toEqual(first.body);
  expect(later.body).toEqual(first.body);
  const { body } = await server.get('/api/workspaces');
  const stored = body.workspaces.find(({ _id }: { _id: string }) => _id === workspace_id);
  expect(stored.ai_collaboration).toEqual([first.body.entry]);
  const told = await tab.next(
    ({ type, workspace_id: about }) => type === 'ai.suggestion' && about === workspace_id,
    since,
  );
  expect(told).toEqual({ type: 'ai.suggestion', workspace_id, entry: first.body.entry, version: stored.version });
});

test('a question asked many times at once under one request_id is asked once', async () => {
  const workspace_id = await createId();
  const both = await Promise.all(
    Array.from({ length: 20 }, () => suggest({ workspace_id, message: 'warmer', request_id: 'at-once' })),
  );
  expect(new Set(both.map(({ body }) => body.entry._id)).size).toBe(1);
});

test('a question has 1 to 2000 characters', async () => {
  const workspace_id = await createId();
  for (const message of ['', 'x'.repeat(2001), null, 7, ['x'], 'a\u0000b', '\ud800'])
    expectError(await suggest({ workspace_id, message }), 400, 'INVALID_INPUT');
  expect((await suggest({ workspace_id, message: '光'.repeat(2000) })).status).toBe(200);
  expectError(await suggest({ workspace_id: nobody, message: 'x' }), 404, 'WORKSPACE_NOT_FOUND');
  expectError(await suggest({ workspace_id, message: 'x', extra: 1 }), 400, 'INVALID_INPUT');
});

test('a workspace with 50 suggestions drops the oldest for a new one', async () => {
  const workspace_id = await createId();
  const entry = (_: unknown, index: number) => ({
    _id: { $oid: index.toString(16).padStart(24, '0') },
    message: `question ${index}`,
    suggestion: { message: 'x', form_data: {} },
    provider: 'local',
    model: 'rules',
    created_at: { $date: '2026-01-01T00:00:00.000Z' },
  });
  await changeStored(server.env.MONGODB_URI!, workspace_id, { ai_collaboration: Array.from({ length: 50 }, entry) });
  await suggest({ workspace_id, message: 'the newest' });
  const { body } = await server.get('/api/workspaces');
  const { ai_collaboration } = body.workspaces.find(({ _id }: { _id: string }) => _id === workspace_id);
  const messages = ai_collaboration.map(({ message }: { message: string }) => message);
  expect([messages.length, messages[0], messages[49]]).toEqual([50, 'question 1', 'the newest']);
});

describe('a question to a provider', () => {
  let double: StartedDouble;
  let asking: TestServer;

  beforeAll(async () => {
    double = await startDouble('openai');
    const settings = { LLM_PROVIDER: 'openai', OPENAI_BASE_URL: `${double.url}/v1`, OPENAI_MODEL: 'gpt-4o' };
    asking = await startServer(settings);
  });

  afterAll(async () => {
    await asking.stop();
    await double.stop();
  });

  async function newQuestion() {
    const socket = await connect(asking.wsUrl);
    const { workspace } = await socket.ask({ type: 'workspace.create' });
    socket.close();
    return { workspace_id: workspace._id as string, message: 'What fits here?' };
  }

  const ask = (question: object, signal?: AbortSignal) =>
    fetch(`${asking.url}/api/ai/suggest`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(question),
      signal,
    });
  const asked = async () => (await double.requests()).filter(({ method }) => method === 'POST').length;

  test('whoever asks the same question gets the answer, when the first who asked has hung up too', async () => {
    await double.script([{ match: 'POST', delay_ms: 500 }]);
    const question = { ...(await newQuestion()), request_id: 'q1' };
    const first = new AbortController();
    const hungUp = ask(question, first.signal).catch((error: Error) => error.name);
    await eventually(async () => (await asked()) === 1);
    const second = ask(question);
    first.abort();
    expect(await hungUp).toBe('AbortError');
    const answer = await second;
    expect(answer.status).toBe(200);
    expect(await (await ask(question)).json()).toEqual(await answer.json());
    expect(await asked()).toBe(1);
  });

  test.each([
    [{ 'Retry-After': '25' }, '25'],
    [{ 'Retry-After': '30.4' }, '31'],
    [{}, '60'],
  ])('a rate limit of the provider with the headers %j is told with Retry-After: %s', async (headers, seconds) => {
    await double.reset();
    await double.script([{ match: 'POST', status: 429, headers, body: { error: { message: 'slow down' } } }]);
    const answer = await ask(await newQuestion());
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([429, seconds]);
    expect(await answer.json()).toMatchObject({ error: { code: 'PROVIDER_RATE_LIMITED' } });
  });

  test('a question without a request_id ends with its caller, and stores nothing', async () => {
    await double.reset();
    await double.script([{ match: 'POST', delay_ms: 500 }]);
    const caller = new AbortController();
    const question = await newQuestion();
    const hungUp = ask(question, caller.signal).catch((error: Error) => error.name);
    await eventually(async () => (await asked()) === 1);
    caller.abort();
    expect(await hungUp).toBe('AbortError');
    await eventually(async () => (await asking.log()).includes('suggestion failed'));
    const { body } = await asking.get('/api/workspaces');
    const stored = body.workspaces.find(({ _id }: { _id: string }) => _id === question.workspace_id);
    expect(stored.ai_collaboration).toEqual([]);
  });
});
