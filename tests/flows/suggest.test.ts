import { startDouble, type StartedDouble } from '../doubles/start-double';
import { eventually } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

let double: StartedDouble;
let server: TestServer;

beforeAll(async () => {
  double = await startDouble('openai');
  server = await startServer({ LLM_PROVIDER: 'openai', OPENAI_BASE_URL: `${double.url}/v1`, OPENAI_MODEL: 'gpt-4o' });
});

afterAll(async () => {
  await server.stop();
  await double.stop();
});

async function newQuestion() {
  const socket = await connect(server.wsUrl);
  const { workspace } = await socket.ask({ type: 'workspace.create' });
  socket.close();
  return { workspace_id: workspace._id as string, message: 'What fits here?' };
}

const ask = (question: object, signal?: AbortSignal) =>
  fetch(`${server.url}/api/ai/suggest`, {
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
  await eventually(async () => (await server.log()).includes('suggestion failed'));
  const { body } = await server.get('/api/workspaces');
  const stored = body.workspaces.find(({ _id }: { _id: string }) => _id === question.workspace_id);
  expect(stored.ai_collaboration).toEqual([]);
});
