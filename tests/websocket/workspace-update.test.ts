import { emptyForm, image, time } from '../fixtures/workspaces';
import {
  answerTo,
  create,
  find,
  heard,
  mark,
  order,
  other,
  tab,
  update,
  useServer,
  type Message,
} from '../helpers/tabs';

useServer();

test('an update changes the named fields only and tells the others what changed', async () => {
  const workspace = await create({ data: { form_data: { prompt: 'kept', duration_s: 7 } } });
  const since = await mark();
  const confirm = await update(
    workspace._id,
    { image_path: image, form_data: { lighting: 'noir', seed: 0 } },
    { request_id: 'u-1' },
  );
  expect(confirm).toEqual({
    type: 'workspace.sync_confirm',
    request_id: 'u-1',
    workspace_id: workspace._id,
    version: 2,
    updated_at: expect.stringMatching(time),
  });
  const changes = { image_path: image, image_url: `/${image}`, 'form_data.lighting': 'noir', 'form_data.seed': 0 };
  expect(await heard(since)).toEqual([{ type: 'workspace.updated', workspace_id: workspace._id, version: 2, changes }]);
  expect(await find(workspace._id)).toEqual({
    ...workspace,
    image_path: image,
    image_url: `/${image}`,
    form_data: { ...emptyForm, prompt: 'kept', duration_s: 7, lighting: 'noir', seed: 0 },
    version: 2,
    updated_at: confirm.updated_at,
  });
});

test('an update takes every field nested and dotted alike', async () => {
  const values = {
    camera_movement: 'push_in',
    shot_size: 'x'.repeat(100),
    lighting: '光'.repeat(100),
    prompt: 'p'.repeat(2000),
    negative_prompt: 'n'.repeat(1000),
    duration_s: 15,
    aspect_ratio: '21:9',
    seed: 4294967295,
    provider: 'p'.repeat(100),
    model: 'm'.repeat(100),
    resolution: 'r'.repeat(100),
    audio: true,
    start: 'previous',
    end: 'next',
  };
  const nested = await create();
  const dotted = await create();
  expect(await update(nested._id, { form_data: values })).toMatchObject({ type: 'workspace.sync_confirm' });
  const keys = Object.fromEntries(Object.entries(values).map(([key, value]) => [`form_data.${key}`, value]));
  expect(await update(dotted._id, keys)).toMatchObject({ type: 'workspace.sync_confirm' });
  expect((await find(nested._id)).form_data).toEqual(values);
  expect((await find(dotted._id)).form_data).toEqual(values);
  expect(
    await update(nested._id, { form_data: { prompt: '' }, 'form_data.seed': null, image_path: null }),
  ).toMatchObject({ version: 3 });
  expect(await find(nested._id)).toMatchObject({ form_data: { ...values, prompt: '', seed: null }, image_url: null });
});

test('an update of the end image has its address follow, by path or by address, and tells the others both', async () => {
  const { _id } = await create();
  const since = await mark();
  await update(_id, { end_image_path: image });
  const both = { end_image_path: image, end_image_url: `/${image}` };
  expect(await heard(since)).toMatchObject([{ type: 'workspace.updated', changes: both }]);
  expect(await find(_id)).toMatchObject({ ...both, image_path: null, image_url: null });
  await update(_id, { end_image_url: null });
  expect(await find(_id)).toMatchObject({ end_image_path: null, end_image_url: null });
  await update(_id, { end_image_url: `/${image}`, image_path: image });
  expect(await find(_id)).toMatchObject({ ...both, image_path: image });
  const other = image.replace('0', '1');
  for (const updates of [{ end_image_path: image, end_image_url: `/${other}` }, { end_image_path: 'a.png' }])
    expect(await update(_id, updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  expect(await find(_id)).toMatchObject(both);
});

test.each([
  ['nested', { form_data: { start: 'video' } }, 'form_data.start'],
  ['dotted', { 'form_data.end': 'previous' }, 'form_data.end'],
])(
  'an update of what a shot starts from or ends on to something else is INVALID_INPUT: %s',
  async (_, updates, field) => {
    const answer = await update((await create())._id, updates);
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', details: [{ path: expect.stringContaining(field) }] });
  },
);

test('updates of two fields in two tabs are both kept, in every one of 50 rounds', async () => {
  const { _id } = await create();
  for (let round = 0; round < 50; round++) {
    const prompt = `prompt ${round}`;
    const lighting = `light ${round}`;
    await Promise.all([
      tab.ask({ type: 'workspace.update', workspace_id: _id, updates: { form_data: { prompt } } }),
      other.ask({ type: 'workspace.update', workspace_id: _id, updates: { 'form_data.lighting': lighting } }),
    ]);
    if (round % 10 === 9) expect((await find(_id)).form_data).toMatchObject({ prompt, lighting });
  }
  expect((await find(_id)).version).toBe(101);
});

test('updates of one field in two tabs leave both tabs with the value that is stored', async () => {
  const { _id } = await create();
  const edits = Array.from({ length: 40 }, (_, index) =>
    (index % 2 ? tab : other)
      .ask({ type: 'workspace.update', workspace_id: _id, updates: { 'form_data.prompt': `${index}` } })
      .then(({ version }) => [version, `${index}`] as const),
  );
  const byVersion = new Map(await Promise.all(edits));
  expect([...byVersion.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 2));
  expect(await find(_id)).toMatchObject({ version: 41, form_data: { prompt: byVersion.get(41) } });
});

test('an update under one request_id twice in a burst is applied once', async () => {
  const { _id } = await create();
  const from = tab.frames.length;
  for (let index = 0; index < 60; index++) {
    const updates = { 'form_data.prompt': `${index % 50}` };
    tab.send({ type: 'workspace.update', request_id: `twice-${index % 50}`, workspace_id: _id, updates });
  }
  const isAnswer = ({ request_id }: Message) => request_id?.startsWith('twice-');
  await tab.next(() => tab.frames.slice(from).filter(isAnswer).length === 60);
  const answers = tab.frames.slice(from).filter(isAnswer);
  expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['workspace.sync_confirm']));
  expect(await find(_id)).toMatchObject({ version: 51, form_data: { prompt: '49' } });
});

test('an update under one request_id is applied once and answered again, up to the 256th last', async () => {
  const { _id } = await create();
  const first = await update(_id, { 'form_data.prompt': 'first' }, { request_id: 'ring-0' });
  expect(first.version).toBe(2);
  for (let index = 1; index < 256; index++) {
    await update(_id, { 'form_data.prompt': `newer ${index}` }, { request_id: `ring-${index}` });
  }
  const since = await mark();
  const again = await update(_id, { 'form_data.prompt': 'first' }, { request_id: 'ring-0' });
  expect(again).toMatchObject({ type: 'workspace.sync_confirm', request_id: 'ring-0', workspace_id: _id });
  expect(await heard(since)).toEqual([]);
  expect(await find(_id)).toMatchObject({ version: 257, form_data: { prompt: 'newer 255' } });
});

test('an update under one request_id sent by two tabs at once is applied once', async () => {
  const { _id } = await create();
  const message = {
    type: 'workspace.update',
    workspace_id: _id,
    updates: { 'form_data.prompt': 'x' },
    request_id: 'both',
  };
  const answers = await Promise.all([tab.ask(message), other.ask(message), tab.ask(message), other.ask(message)]);
  expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['workspace.sync_confirm']));
  expect((await find(_id)).version).toBe(2);
});

test('an update under the request_id of another workspace is applied', async () => {
  const [one, two] = [await create(), await create()];
  await update(one._id, { 'form_data.prompt': 'one' }, { request_id: 'shared' });
  await update(two._id, { 'form_data.prompt': 'two' }, { request_id: 'shared' });
  expect((await find(two._id)).form_data.prompt).toBe('two');
});

test.each([
  ['with line breaks and control characters', 'a\r\nb\tc\u001b[31m'],
  ['from right to left', 'abc\u202edef'],
  ['of emoji', '👩‍👩‍👧‍👦🎬'],
  ['that looks like markup', '<script>alert(1)</script>'],
  ['that looks like an operator', '{"$ne": null}'],
  ['of 2000 Chinese characters', '海'.repeat(2000)],
])('a text %s comes back as it was sent', async (_name, prompt) => {
  const { _id } = await create();
  expect(await update(_id, { 'form_data.prompt': prompt })).toMatchObject({ type: 'workspace.sync_confirm' });
  expect((await find(_id)).form_data.prompt).toBe(prompt);
});

describe('an update that does not fit', () => {
  let workspace: Message;
  beforeAll(async () => {
    workspace = await create({ data: { image_path: image, form_data: { prompt: 'as it was' } } });
  });
  afterEach(async () => {
    expect(await find(workspace._id)).toEqual(workspace);
  });

  const operators = [
    '$set',
    '$unset',
    '$inc',
    '$rename',
    '$push',
    '$pull',
    '$pop',
    '$addToSet',
    '$min',
    '$max',
    '$mul',
    '$bit',
    '$currentDate',
    '$setOnInsert',
    '$each',
    '$where',
    '$expr',
    '$function',
    '$merge',
    '$out',
    '$lookup',
    '$replaceRoot',
    '$ne',
    '$gt',
    '$in',
    '$regex',
    '$exists',
    '$jsonSchema',
    '$text',
    '$comment',
  ];

  test.each(operators)('an update with %s at any depth is INVALID_INPUT', async (operator) => {
    const inner = { 'video.status': 'completed' };
    for (const updates of [
      { [operator]: inner },
      { form_data: { [operator]: inner } },
      { form_data: { prompt: { [operator]: inner } } },
      { [`form_data.${operator}`]: inner },
      { 'form_data.prompt': { [operator]: 'x' } },
      { 'form_data.prompt': 'x', [operator]: { version: 100 } },
    ]) {
      expect(await update(workspace._id, updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
    }
  });

  const paths = [
    ...[
      '_id',
      'order_index',
      'version',
      'video',
      'takes',
      'ai_collaboration',
      'created_at',
      'updated_at',
      'form_data.',
    ],
    ...[
      'video.status',
      'video.url',
      'video.error',
      'video.task_id',
      'video.attempt_id',
      'video.form_data.prompt',
      'takes.0',
      'takes.0.url',
    ],
    ...[
      'ai_collaboration.0',
      'ai_collaboration.4000000.message',
      'deleted_at',
      'created_by',
      'applied',
      'applied.0',
      'changed',
      'job',
      'job.state',
      'late',
      'clicks',
    ],
    ...[
      'form_data.prompt.x',
      'form_data.extra',
      'form_data..prompt',
      '.form_data',
      'form_data.__proto__.x',
      'constructor.prototype.x',
      'a.__proto__.b',
      '',
      ' ',
      'Form_Data',
    ],
  ];

  test.each(paths)('an update that writes %j is INVALID_INPUT', async (path) => {
    const values = ['x', 1, null, {}, []];
    const alone = values.map((value) => update(workspace._id, { [path]: value }));
    const beside = values.map((value) => update(workspace._id, { 'form_data.prompt': 'no', [path]: value }));
    for (const answer of await Promise.all([...alone, ...beside])) {
      expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
    }
  });

  const raw = (updates: string) =>
    answerTo(`{"type":"workspace.update","workspace_id":"${workspace._id}","updates":${updates}}`);

  test.each([
    '{"__proto__":{"polluted":1}}',
    '{"form_data.prompt":"no","__proto__":{"polluted":1}}',
    '{"form_data":{"__proto__":{"polluted":1},"prompt":"no"}}',
    '{"form_data":{"__proto__":{"prompt":"no"}}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"form_data.prompt":"no","form_data":{"constructor":1}}',
  ])('an update with the updates %s is INVALID_INPUT', async (updates) => {
    expect(await raw(updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });

  const wrong: [string, unknown[]][] = [
    ['camera_movement', ['x'.repeat(101), null, 1, {}, [], true]],
    ['shot_size', ['x'.repeat(101), null, 1]],
    ['lighting', ['x'.repeat(101), null, 1]],
    ['prompt', ['x'.repeat(2001), null, 1, {}, ['a'], 'a\u0000b', '\ud800', 'x\udc00y']],
    ['negative_prompt', ['x'.repeat(1001), null, 1]],
    ['duration_s', [1, 16, 2.5, '5', null, -5, 1e308, {}, true]],
    ['aspect_ratio', ['2:1', '16:10', '', null, 1, '16:9 ']],
    ['seed', [-1, 4294967296, 0.5, '1', {}, true, 1e308]],
  ];

  test.each(
    wrong.flatMap(([key, values]) => values.map((value) => [key, JSON.stringify(value).slice(0, 40), value] as const)),
  )('the %s %s is INVALID_INPUT, nested, dotted and in a create', async (key, _shown, value) => {
    const nested = await update(workspace._id, { form_data: { lighting: 'no', [key]: value } });
    expect(nested).toMatchObject({ type: 'error', code: 'INVALID_INPUT', workspace_id: workspace._id });
    const fault = { path: `updates.form_data.${key}`, message: expect.any(String), rule: expect.any(String) };
    expect(nested.details).toContainEqual(expect.objectContaining(fault));
    expect(await update(workspace._id, { [`form_data.${key}`]: value })).toMatchObject({ code: 'INVALID_INPUT' });
    const count = (await order()).length;
    expect(await tab.ask({ type: 'workspace.create', data: { form_data: { [key]: value } } })).toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(await order()).toHaveLength(count);
  });

  const images = [
    '',
    '../../.env',
    'uploads/images/../../.env',
    'uploads/images/../x.png',
    '/etc/passwd',
    'file:///etc/passwd',
    'http://169.254.169.254/x.png',
    'https://evil.example/a.png',
    'uploads/videos/a.mp4',
    'uploads/images/a.svg',
    'uploads/images/a.html',
    'uploads/images/.png',
    'uploads/images/a.png/b.png',
    'uploads/images/a.png\n',
    'uploads/images/a b.png',
    'uploads/images/a\u0000.png',
    'uploads\\images\\a.png',
    '//evil.example/a.png',
    'data:image/png;base64,AAAA',
    `uploads/images/${'a'.repeat(300)}.png`,
    'uploads/images/a.png?x=1',
    'UPLOADS/images/a.png',
  ];

  test.each(images)('the image %j is INVALID_INPUT in an update and in a create', async (path) => {
    expect(await update(workspace._id, { image_path: path })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await update(workspace._id, { image_url: path })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await update(workspace._id, { image_url: `/${path}` })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await tab.ask({ type: 'workspace.create', data: { image_path: path } })).toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  test('an update with a path and an address of different images is INVALID_INPUT', async () => {
    const updates = { image_path: 'uploads/images/a.png', image_url: '/uploads/images/b.png' };
    expect(await update(workspace._id, updates)).toMatchObject({ code: 'INVALID_INPUT' });
  });

  test.each<[unknown]>([
    [null],
    ['x'],
    [1],
    [[]],
    [undefined],
    [[{ 'form_data.prompt': 'no' }]],
    [{ form_data: null }],
    [{ form_data: [] }],
    [{ form_data: 'x' }],
  ])('an update whose updates are %j is INVALID_INPUT', async (updates) => {
    expect(await update(workspace._id, updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });
});
