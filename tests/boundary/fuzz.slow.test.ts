import { Agent, request } from 'node:http';
import fc from 'fast-check';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

const isFull = process.env.FUZZ === 'full';
const messageCount = isFull ? 20_000 : 1200;
const requestCount = isFull ? 10_000 : 500;
const batchSize = 200;
const requestsAtOnce = 16;
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const patienceMs = isFull ? 900_000 : 60_000;

const requestIdShape = /^[A-Za-z0-9_-]{1,64}$/;
const pushed = new Set(['workspace.updated', 'workspace.reordered', 'video.status_update', 'ai.suggestion']);
/** What the server may not be blamed for: a provider that has no key, and asking for one that is away. */
const expected5xx = new Set(['PROVIDER_NOT_CONFIGURED']);

type Json = Record<string, unknown>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
type Frame = any;

let server: TestServer;
let socket: TestSocket;
let known: string[];

beforeAll(async () => {
  process.stdout.write(`fuzz seed ${seed}; FUZZ_SEED=${seed} repeats it\n`);
  server = await startServer({ LOG_LEVEL: 'info' });
  socket = await connect(server.wsUrl);
  known = [];
  for (let index = 0; index < 5; index++) known.push((await socket.ask({ type: 'workspace.create' })).workspace._id);
  const trashed = (await socket.ask({ type: 'workspace.create' })).workspace._id;
  await socket.ask({ type: 'workspace.delete', workspace_id: trashed });
  known.push(trashed);
});

afterEach(async () => {
  expect(server.child.exitCode).toBeNull();
  const log = await server.log();
  expect(log.split('\n').filter((line) => /"message":"(message|request) failed"/.test(line))).toEqual([]);
});

afterAll(async () => {
  socket.close();
  expect(await server.stop()).toBe(0);
});

// ---- what is sent

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('\ud800', '\udfff', '\0', '\u202e', '💥', '\n', '"', '\\', '$', '.'),
    maxLength: 10,
  }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    '$set',
    '$where',
    '../../etc/passwd',
    'null',
    '',
    'toString',
  ),
  fc.integer({ min: 90, max: 5000 }).map((length) => 'x'.repeat(length)),
);
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -1, 2, 15, 16, 4294967295, 4294967296, 1e308, 2 ** 53),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, text, number, fc.boolean(), fc.constant(null), tie('list'), tie('object')),
  list: fc.array(tie('any'), { maxLength: 4 }),
  object: fc.dictionary(fc.oneof(text, fc.constantFrom('prompt', 'form_data', '$ne', '_id')), tie('any'), {
    maxKeys: 4,
  }),
})).any;

const id = () =>
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: fc.constant('f'.repeat(24)) },
    { weight: 1, arbitrary: value },
  );
const requestId = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: fc.constantFrom(...'abcXYZ019_-'), minLength: 1, maxLength: 64 }) },
  { weight: 4, arbitrary: fc.constantFrom('again-1', 'again-2', 'again-3') },
  { weight: 1, arbitrary: value },
);
const image = fc.constantFrom('uploads/images/a.png', '/uploads/images/a.png', 'uploads/images/../a.png', null, 7);
const formKeys = [
  'camera_movement',
  'shot_size',
  'lighting',
  'prompt',
  'negative_prompt',
  'duration_s',
  'aspect_ratio',
  'seed',
];
const formValue = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<unknown>('push_in', '16:9', 5, null) },
  { weight: 1, arbitrary: value },
);
const form = fc.dictionary(
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...formKeys) }, { weight: 1, arbitrary: text }),
  formValue,
  { maxKeys: 4 },
);
const word = fc.oneof(fc.string({ maxLength: 100 }), fc.constantFrom('', 'push_in', '特写', '💥'));
const goodForm = fc.record(
  {
    camera_movement: word,
    shot_size: word,
    lighting: word,
    prompt: fc.oneof(
      word,
      fc.integer({ min: 1, max: 2000 }).map((length) => 'p'.repeat(length)),
    ),
    negative_prompt: word,
    duration_s: fc.integer({ min: 2, max: 15 }),
    aspect_ratio: fc.constantFrom('16:9', '9:16', '1:1', '4:3', '3:4', '21:9'),
    seed: fc.option(fc.integer({ min: 0, max: 4294967295 })),
  },
  { requiredKeys: [] },
);
const dotted = (whole: object) =>
  Object.fromEntries(Object.entries(whole).map(([key, inner]) => [`form_data.${key}`, inner as unknown]));
const updates = fc.oneof(
  { weight: 4, arbitrary: goodForm.map((whole) => ({ form_data: whole })) },
  { weight: 4, arbitrary: goodForm.map(dotted) },
  { weight: 2, arbitrary: form.map(dotted) },
  { weight: 1, arbitrary: fc.record({ image_path: image, image_url: image }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: fc.record({ form_data: form }) },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom('video.status', '$set', 'form_data', '_id', 'version'), value),
  },
  { weight: 1, arbitrary: value },
);
const type = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(
        'create',
        'update',
        'update',
        'update',
        'update',
        'delete',
        'restore',
        'restore',
        'choose_take',
        'reorder',
      )
      .map((name) => `workspace.${name}`),
  },
  { weight: 1, arbitrary: value },
);

const message = () =>
  fc.record(
    {
      type,
      request_id: requestId,
      workspace_id: id(),
      updates,
      data: fc.oneof(
        fc.record({ form_data: goodForm }),
        fc.record({ form_data: form, image_path: image }, { requiredKeys: [] }),
        value,
      ),
      workspace_ids: fc.oneof(fc.array(id(), { maxLength: 8 }), value),
      attempt_id: text,
      extra: value,
    },
    { requiredKeys: ['type', 'workspace_id', 'updates', 'workspace_ids', 'attempt_id'] },
  );

/** Keeps the keys that the type knows most of the time, so that many messages are applied. */
const fields = new Map<unknown, string[]>([
  ['workspace.create', ['data']],
  ['workspace.update', ['workspace_id', 'updates']],
  ['workspace.delete', ['workspace_id']],
  ['workspace.restore', ['workspace_id']],
  ['workspace.choose_take', ['workspace_id', 'attempt_id']],
  ['workspace.reorder', ['workspace_ids']],
]);
const fitting = () =>
  message().map((whole) => {
    const names = ['type', 'request_id', ...(fields.get(whole.type) ?? [])];
    return Object.fromEntries(Object.entries(whole).filter(([key]) => names.includes(key)));
  });

const damaged = (whole: fc.Arbitrary<string>) =>
  fc
    .tuple(whole, fc.nat(), fc.constantFrom('', '{', '"', '}', ',', '\0', '\\', '1e999', '"__proto__":1,'))
    .map(([json, at, put]) => {
      const place = at % (json.length + 1);
      return json.slice(0, place) + put + json.slice(place + 1);
    });

/** JSON.stringify alone, since lone surrogates in a text frame would be replaced on the way anyway. */
const frame = () => {
  const json = fc
    .oneof({ weight: 12, arbitrary: fitting() }, { weight: 2, arbitrary: message() }, { weight: 1, arbitrary: value })
    .map((whole) => JSON.stringify(whole) ?? 'undefined');
  return fc.oneof(
    { weight: 8, arbitrary: json },
    { weight: 1, arbitrary: damaged(json) },
    { weight: 1, arbitrary: text },
  );
};

test(
  `answers each of ${messageCount} generated messages exactly once`,
  async () => {
    const types: Record<string, number> = {};
    for (let done = 0; done < messageCount; done += batchSize) {
      const batch = fc.sample(frame(), { numRuns: batchSize, seed: seed + done });
      const client = await connect(server.wsUrl);
      batch.forEach((json) => client.socket.send(json));
      const isAnswer = (answer: Frame) => !pushed.has(answer.type);
      await client.next(() => client.frames.filter(isAnswer).length >= batch.length);
      // Whatever is answered twice comes before the answer to this one.
      await client.ask({ type: 'workspace.reorder', workspace_ids: [], request_id: 'mark-of-the-end' });
      const answers = client.frames.filter(isAnswer).filter(({ request_id }) => request_id !== 'mark-of-the-end');
      expect(answers).toHaveLength(batch.length);
      expect(count(answers.map(({ request_id }) => request_id))).toEqual(count(batch.map(requestIdOf)));
      for (const answer of answers) {
        const name = answer.type === 'error' ? String(answer.code) : String(answer.type);
        types[name] = (types[name] ?? 0) + 1;
        if (answer.type === 'error') expect(answer.message).toEqual(expect.stringMatching(/./));
      }
      client.close();
      await client.closed;
    }
    process.stdout.write(`answers: ${JSON.stringify(types)}\n`);
    expect(Object.keys(types)).toEqual(
      expect.arrayContaining([
        'workspace.created',
        'workspace.sync_confirm',
        'workspace.reorder_confirm',
        'INVALID_INPUT',
        'INVALID_JSON',
        'UNKNOWN_MESSAGE',
      ]),
    );
    for (const code of ['INTERNAL', 'BUSY', 'DATABASE_UNAVAILABLE']) expect(types).not.toHaveProperty(code);
    expect(({} as Json).polluted).toBeUndefined();
    const { status, body } = await server.get('/api/workspaces');
    expect(status).toBe(200);
    const order = await socket.ask({ type: 'workspace.reorder', workspace_ids: [] });
    expect(body.workspaces.map(({ _id }: { _id: string }) => _id)).toEqual(order.workspace_ids);
  },
  patienceMs,
);

function requestIdOf(json: string): string | undefined {
  try {
    const parsed = JSON.parse(json) as Json | null;
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    const given = isObject ? parsed.request_id : undefined;
    return typeof given === 'string' && requestIdShape.test(given) ? given : undefined;
  } catch {
    return undefined;
  }
}

const count = (names: (string | undefined)[]) => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name ?? ''] = (counts[name ?? ''] ?? 0) + 1;
  return counts;
};

test('answers messages whose parts cannot be turned into text', async () => {
  const own = await startServer();
  const client = await connect(own.wsUrl);
  const parts = ['{"toString":null,"valueOf":null}', '[{"toString":0,"valueOf":0}]', '{"__proto__":null}'];
  for (const part of parts) {
    for (const key of ['type', 'request_id', 'workspace_id', 'updates']) {
      const since = client.frames.length;
      const whole = key === 'type' ? '{' : '{"type":"workspace.update",';
      client.send(`${whole}"${key}":${part}}`);
      expect(await client.next(() => true, since)).toMatchObject({ type: 'error', code: expect.any(String) });
    }
  }
  client.close();
  expect(await own.stop()).toBe(0);
});

// ---- requests from the OpenAPI document

type Operation = { requestBody?: { content: Record<string, { schema: Json }> }; responses: Json };
type Shot = { method: string; address: string; headers: Record<string, string>; body: string; documented: string[] };

/** Values that fit a schema of the document. */
function fittingSchema(schema: Json): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  if (Array.isArray(schema.anyOf)) return fc.oneof(...(schema.anyOf as Json[]).map(fittingSchema));
  if (schema.type === 'object') {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
    const required = (schema.required ?? []) as string[];
    return fc.record(Object.fromEntries(properties.map(([key, inner]) => [key, fittingSchema(inner)])), {
      requiredKeys: required,
    });
  }
  if (schema.type === 'array') return fc.array(fittingSchema((schema.items ?? {}) as Json), { maxLength: 5 });
  if (schema.type === 'boolean') return fc.boolean();
  if (schema.type === 'integer') return fc.integer({ min: schema.minimum as number, max: schema.maximum as number });
  if (schema.type !== 'string') return value;
  if (schema.pattern === '^[0-9a-f]{24}$') return id();
  if (typeof schema.pattern === 'string') return fc.stringMatching(new RegExp(schema.pattern));
  const maxLength = Math.min((schema.maxLength as number | undefined) ?? 60, 60);
  return fc.string({ minLength: (schema.minLength as number | undefined) ?? 0, maxLength });
}

/** Mostly what fits, and what is left of it after a key was dropped, added or replaced. */
const nearly = (schema: Json): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      fittingSchema(schema),
      fc.constantFrom('keep', 'keep', 'keep', 'drop', 'add', 'replace', 'other'),
      text,
      value,
      fc.nat(),
    )
    .map(([whole, change, key, put, at]) => {
      if (change === 'other') return put;
      if (change === 'keep' || typeof whole !== 'object' || whole === null) return whole;
      const keys = Object.keys(whole);
      const name = keys[at % Math.max(1, keys.length)] ?? key;
      if (change === 'drop') return Object.fromEntries(Object.entries(whole).filter(([present]) => present !== name));
      return { ...whole, [change === 'add' ? key : name]: put };
    });

const plainHeader = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019_-/=;,"* '), maxLength: 30 })
  .map((line) => line.trim());

function shots(document: { paths: Record<string, Record<string, Operation>> }): fc.Arbitrary<Shot> {
  const operations = Object.entries(document.paths).flatMap(([address, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ address, method: method.toUpperCase(), operation })),
  );
  const one = operations.map(({ address, method, operation }) => {
    const [contentType, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const isJson = contentType === 'application/json';
    const json = isJson ? nearly(content!.schema).map((body) => JSON.stringify(body) ?? '') : fc.constant('');
    const body = contentType
      ? fc.oneof(
          { weight: 8, arbitrary: json },
          { weight: 1, arbitrary: damaged(json) },
          { weight: 1, arbitrary: text },
        )
      : json;
    const types = contentType
      ? [...Array.from({ length: 9 }, () => contentType), 'text/plain', 'multipart/form-data; boundary=x', '']
      : [''];
    return fc.record({
      address: fc.oneof(
        { weight: 9, arbitrary: fc.constant(address) },
        { weight: 1, arbitrary: fc.webPath().map((path) => address + path) },
        { weight: 1, arbitrary: fc.webQueryParameters().map((query) => `${address}?${query}`) },
      ),
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD') },
      ),
      body,
      headers: fc.record(
        {
          'Content-Type': fc.constantFrom(...types),
          'Idempotency-Key': plainHeader,
          'If-None-Match': plainHeader,
          Range: plainHeader,
          'Accept-Encoding': plainHeader,
          Accept: plainHeader,
          'Content-Encoding': fc.constantFrom('identity', 'gzip', 'br', 'nonsense'),
          'X-Forwarded-For': plainHeader,
        },
        { requiredKeys: ['Content-Type'] },
      ),
      documented: fc.constant(Object.keys(operation.responses)),
    });
  });
  return fc.oneof(...one);
}

/** These the document need not name: they come from the address, the method, the headers or the size of any request. */
const anywhere = new Set([204, 304, 400, 404, 405, 413, 415]);

test(
  `answers each of ${requestCount} requests made from the OpenAPI document, with a status that it names`,
  async () => {
    const document = (await server.get('/openapi.json')).body;
    const all = fc.sample(shots(document), { numRuns: requestCount, seed });
    const agent = new Agent({ keepAlive: true, maxSockets: requestsAtOnce });
    const statuses: Record<string, number> = {};
    const wrong: object[] = [];
    await Promise.all(
      all.map(async (shot) => {
        const { status, text: reply, type: kind } = await send(agent, shot);
        statuses[status] = (statuses[status] ?? 0) + 1;
        const isHead = shot.method === 'HEAD';
        const code = kind.includes('json') && status >= 400 && !isHead ? codeOf(reply) : '';
        const isDocumented = anywhere.has(status) || shot.documented.includes(String(status)) || status === 200;
        const isError = status < 400 || isHead || (typeof code === 'string' && code.length > 0);
        if (!isDocumented || !isError || (status >= 500 && !expected5xx.has(String(code))))
          wrong.push({ ...shot, status, reply: reply.slice(0, 300) });
      }),
    );
    agent.destroy();
    process.stdout.write(`statuses: ${JSON.stringify(statuses)}\n`);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(Object.values(statuses).reduce((sum, number) => sum + number, 0)).toBe(requestCount);
    expect(statuses).toMatchObject({ 200: expect.any(Number), 400: expect.any(Number), 404: expect.any(Number) });
    expect((await server.get('/health')).status).toBe(200);
  },
  patienceMs,
);

function codeOf(reply: string): unknown {
  return (JSON.parse(reply) as { error?: { code?: unknown } }).error?.code;
}

function send(
  agent: Agent,
  { method, address, headers, body }: Shot,
): Promise<{ status: number; text: string; type: string }> {
  const { hostname, port } = new URL(server.url);
  const bytes = Buffer.from(body);
  const hasBody = bytes.length > 0 && !['GET', 'HEAD'].includes(method);
  const given = Object.entries(headers).filter(([, line]) => line !== '');
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        hostname,
        port,
        method,
        path: encodeURI(address).replaceAll(/[^\x21-\x7e]/g, ''),
        headers: { ...Object.fromEntries(given), ...(hasBody && { 'Content-Length': bytes.length }) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            text: Buffer.concat(chunks).toString(),
            type: response.headers['content-type'] ?? '',
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(hasBody ? bytes : undefined);
  });
}
