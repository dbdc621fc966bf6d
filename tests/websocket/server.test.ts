import { emptyForm, image, nobody } from '../fixtures/workspaces';
import { connect } from '../helpers/socket';
import { startServer, type TestServer } from '../helpers/server';
import { answerTo, create, find, heard, mark, order, server, tab, useServer, type Message } from '../helpers/tabs';

let away: Promise<TestServer>;
// Starts beside the other one, since it first waits for a database that does not come.
beforeAll(() => void (away = startServer({ MONGODB_URI: 'mongodb://127.0.0.1:9/none' })));
afterAll(async () => void (await (await away).stop()));
useServer();

test('updates are answered in the order of the messages, and the last one wins', async () => {
  const { _id } = await create();
  const since = tab.frames.length;
  const names = Array.from({ length: 150 }, (_, index) => `in-order-${index}`);
  // Refused ones keep their place among the others.
  names.forEach((request_id, index) =>
    tab.send({
      type: 'workspace.update',
      request_id,
      workspace_id: _id,
      updates: index % 5 === 4 ? { 'form_data.duration_s': 99 } : { 'form_data.prompt': request_id },
    }),
  );
  await tab.next(({ request_id }) => request_id === names.at(-1), since);
  const answers = tab.frames.slice(since).filter(({ request_id }) => request_id?.startsWith('in-order-'));
  expect(answers.map(({ request_id }) => request_id)).toEqual(names);
  const versions = answers.filter(({ type }) => type === 'workspace.sync_confirm').map(({ version }) => version);
  expect(versions).toEqual(Array.from({ length: 120 }, (_, index) => index + 2));
  expect((await find(_id)).form_data.prompt).toBe('in-order-148');
});

test('updates keep their order in a burst with other messages, and the others hear of each step', async () => {
  const { _id } = await create();
  const [since, from] = [await mark(), tab.frames.length];
  const edits = (length: number) => Array.from({ length }, () => 'workspace.update');
  const types = [...edits(80), 'workspace.delete', ...edits(5), 'workspace.restore', ...edits(80)];
  types.forEach((type, index) =>
    tab.send({
      type,
      request_id: `burst-${index}`,
      workspace_id: _id,
      ...(type === 'workspace.update' && { updates: { 'form_data.prompt': `${index}` } }),
    }),
  );
  await tab.next(({ request_id }) => request_id === `burst-${types.length - 1}`, from);
  const answers = tab.frames.slice(from).filter(({ request_id }) => request_id?.startsWith('burst-'));
  const confirms = (length: number) => Array.from({ length }, () => 'workspace.sync_confirm');
  const refused = Array.from({ length: 5 }, () => 'WORKSPACE_NOT_FOUND');
  expect(answers.map(({ request_id }) => request_id)).toEqual(types.map((_, index) => `burst-${index}`));
  expect(answers.map(({ type, code }) => code ?? type)).toEqual([
    ...confirms(80),
    'workspace.deleted',
    ...refused,
    'workspace.created',
    ...confirms(80),
  ]);

  const told = (await heard(since)).filter(({ type }) => type === 'workspace.updated');
  expect(told.map(({ version }) => version)).toEqual(Array.from({ length: 160 }, (_, index) => index + 2));
  expect(told.map(({ changes }) => changes['form_data.prompt'])).toEqual(
    types.flatMap((type, index) => (type === 'workspace.update' && (index < 80 || index > 86) ? [`${index}`] : [])),
  );
  expect(await find(_id)).toMatchObject({ version: 161, form_data: { prompt: `${types.length - 1}` } });
});

describe('a message that does not fit', () => {
  let workspace: Message;
  beforeAll(async () => {
    workspace = await create({ data: { image_path: image, form_data: { prompt: 'as it was' } } });
  });
  afterEach(async () => {
    expect(await find(workspace._id)).toEqual(workspace);
  });

  test.each(['', '{', 'hello', "{'type':'x'}", '{"type":"workspace.create"', '[1,', '\u0000', '{"a":1}}'])(
    'a frame that is %j is answered INVALID_JSON',
    async (text) => {
      expect(await answerTo(text)).toEqual({ type: 'error', code: 'INVALID_JSON', message: expect.any(String) });
    },
  );

  test.each([
    'null',
    '[]',
    '1',
    '"text"',
    'true',
    '[{"type":"workspace.create"}]',
    '['.repeat(10_000) + ']'.repeat(10_000),
  ])('a frame that is no object is answered INVALID_INPUT (%#)', async (text) => {
    expect(await answerTo(text)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });

  test.each<[unknown]>([
    ['workspace.explode'],
    ['WORKSPACE.CREATE'],
    ['toString'],
    ['__proto__'],
    [''],
    [null],
    [7],
    [{}],
    [['workspace.create']],
    [undefined],
  ])('a message of the type %j is UNKNOWN_MESSAGE or INVALID_INPUT and echoes its request_id', async (type) => {
    const answer = await tab.ask({ type, workspace_id: workspace._id });
    expect(answer).toMatchObject({ type: 'error', workspace_id: workspace._id });
    expect(answer.code).toMatch(typeof type === 'string' ? /^UNKNOWN_MESSAGE$/ : /^(UNKNOWN_MESSAGE|INVALID_INPUT)$/);
  });

  test.each<[unknown]>([[''], ['a b'], ['a'.repeat(65)], ['ü'], [7], [null], [{}], [['a']], [true], ['a\n']])(
    'a message with the request_id %j is INVALID_INPUT and does not echo it',
    async (request_id) => {
      const answer = await answerTo(
        JSON.stringify({
          type: 'workspace.update',
          workspace_id: workspace._id,
          request_id,
          updates: { 'form_data.prompt': 'no' },
        }),
      );
      expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT', workspace_id: workspace._id });
      expect(answer).not.toHaveProperty('request_id');
      expect(answer.details).toContainEqual({
        path: 'request_id',
        message: expect.any(String),
        rule: expect.any(String),
      });
    },
  );

  const messages: [string, object][] = [
    ['workspace.create', {}],
    ['workspace.update', { updates: { 'form_data.prompt': 'no' } }],
    ['workspace.delete', {}],
    ['workspace.restore', {}],
    ['workspace.choose_take', { attempt_id: 'a' }],
    ['workspace.reorder', { workspace_ids: [] }],
  ];

  test.each(messages)(
    'a %s with a key that it does not know is INVALID_INPUT and names the key',
    async (type, fields) => {
      const about = type === 'workspace.reorder' || type === 'workspace.create' ? {} : { workspace_id: workspace._id };
      for (const key of ['extra', 'version', '$set', 'constructor', 'id', '_id']) {
        const answer = await tab.ask({ type, ...about, ...fields, [key]: {} });
        expect([key, answer]).toEqual([key, expect.objectContaining({ type: 'error', code: 'INVALID_INPUT' })]);
        expect(answer.details).toContainEqual({ path: key, message: expect.any(String), rule: 'unknown_key' });
      }
    },
  );

  const ids: [string, unknown][] = [
    ...[
      '',
      'abc',
      ' ',
      'f'.repeat(23),
      'f'.repeat(25),
      'F'.repeat(24),
      'g'.repeat(24),
      `${'f'.repeat(24)}\n`,
      `${'f'.repeat(24)} `,
    ],
    ...[
      '__proto__',
      '$ne',
      'null',
      '../../etc/passwd',
      '１'.repeat(24),
      '\u0000'.repeat(24),
      'f'.repeat(12),
      "' || 1==1",
    ],
    ...[null, 0, 1, -1, 1e308, true, false, [], [nobody], {}, undefined],
    ...[
      '$ne',
      '$gt',
      '$gte',
      '$lt',
      '$exists',
      '$in',
      '$nin',
      '$regex',
      '$where',
      '$expr',
      '$not',
      '$or',
      '$oid',
      'toString',
      '_bsontype',
    ].map((key) => ({ [key]: null })),
  ].map((id): [string, unknown] => [JSON.stringify(id) ?? 'nothing', id]);

  test('at least 40 shapes of an id are tried', () => expect(ids.length).toBeGreaterThanOrEqual(40));

  test.each(ids)(
    'the workspace_id %s is INVALID_INPUT in every message and at every endpoint',
    async (_name, workspace_id) => {
      const count = (await order()).length;
      // The id is optional in a create, and a reorder has none.
      const withId = messages.filter(
        ([type]) => type !== 'workspace.reorder' && (type !== 'workspace.create' || workspace_id !== undefined),
      );
      const answers = await Promise.all(withId.map(([type, fields]) => tab.ask({ type, ...fields, workspace_id })));
      for (const answer of answers) {
        expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
        expect(answer).not.toHaveProperty('workspace_id');
      }
      const replies = await Promise.all([
        server.post('/api/generate/video', { workspace_id }),
        server.post('/api/generate/cancel', { workspace_id }),
        server.post('/api/ai/suggest', { workspace_id, message: 'hello' }),
      ]);
      for (const reply of replies)
        expect(reply).toMatchObject({ status: 400, body: { error: { code: 'INVALID_INPUT' } } });
      expect(await order()).toHaveLength(count);
    },
  );

  test('a message with __proto__ beside its own keys is INVALID_INPUT', async () => {
    const text = `{"type":"workspace.update","workspace_id":"${workspace._id}","updates":{"form_data.prompt":"no"},"__proto__":{"a":1}}`;
    expect(await answerTo(text)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
    expect(await answerTo('{"type":"workspace.reorder","workspace_ids":[],"__proto__":[]}')).toMatchObject({
      code: 'INVALID_INPUT',
    });
  });
});

test('a client of the first version of the contract creates, edits, reorders and deletes without a request_id', async () => {
  const client = await connect(server.wsUrl);
  const ask = async (message: object, type: string): Promise<Message> => {
    const since = client.frames.length;
    client.send(message);
    const answer = await client.next((frame) => frame.type === type, since);
    expect(answer).not.toHaveProperty('request_id');
    return answer;
  };
  const { workspace } = await ask(
    { type: 'workspace.create', data: { image_path: image, form_data: { prompt: 'a' } } },
    'workspace.created',
  );
  const { _id } = workspace;
  const form_data = { camera_movement: 'push_in', shot_size: 'close_up', lighting: 'soft', prompt: 'b' };
  const confirm = await ask(
    { type: 'workspace.update', workspace_id: _id, updates: { form_data } },
    'workspace.sync_confirm',
  );
  expect(confirm).toMatchObject({ workspace_id: _id });
  await ask(
    { type: 'workspace.update', workspace_id: _id, updates: { 'form_data.prompt': 'c' } },
    'workspace.sync_confirm',
  );
  expect((await find(_id)).form_data).toEqual({ ...emptyForm, ...form_data, prompt: 'c' });
  const wanted = (await order()).toReversed();
  const ordered = await ask({ type: 'workspace.reorder', workspace_ids: wanted }, 'workspace.reorder_confirm');
  expect(ordered.workspace_ids).toEqual(wanted);
  await ask({ type: 'workspace.delete', workspace_id: _id }, 'workspace.deleted');
  expect(await find(_id)).toBeUndefined();
  expect(
    await ask({ type: 'workspace.update', workspace_id: _id, updates: { image_path: null } }, 'error'),
  ).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
  expect(client.frames.map(({ type }) => type)).toHaveLength(6);
  client.close();
});

test('without a database every message is answered DATABASE_UNAVAILABLE within 5 s, and REST and health say so', async () => {
  const blind = await away;
  const socket = await connect(blind.wsUrl);
  const startMs = performance.now();
  const answers = await Promise.all([
    socket.ask({ type: 'workspace.create' }),
    socket.ask({ type: 'workspace.update', workspace_id: nobody, updates: { 'form_data.prompt': 'x' } }),
    socket.ask({ type: 'workspace.delete', workspace_id: nobody }),
    socket.ask({ type: 'workspace.restore', workspace_id: nobody }),
    socket.ask({ type: 'workspace.choose_take', workspace_id: nobody, attempt_id: 'a' }),
    socket.ask({ type: 'workspace.reorder', workspace_ids: [] }),
  ]);
  expect(performance.now() - startMs).toBeLessThan(5000);
  expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'DATABASE_UNAVAILABLE'));
  const unavailable = { status: 503, body: { error: { code: 'DATABASE_UNAVAILABLE' } } };
  expect(await blind.get('/api/workspaces')).toMatchObject(unavailable);
  expect(await blind.post('/api/generate/video', { workspace_id: nobody })).toMatchObject(unavailable);
  expect(await blind.post('/api/generate/cancel', { workspace_id: nobody })).toMatchObject(unavailable);
  expect(await blind.post('/api/ai/suggest', { workspace_id: nobody, message: 'x' })).toMatchObject(unavailable);
  expect(await blind.get('/health')).toMatchObject({
    status: 503,
    body: { status: 'degraded', mongodb: 'disconnected' },
  });
  socket.close();
});
