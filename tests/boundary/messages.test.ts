import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { changeStored } from './wire';

const emptyForm = {
  camera_movement: '',
  shot_size: '',
  lighting: '',
  prompt: '',
  negative_prompt: '',
  duration_s: 5,
  aspect_ratio: '16:9',
  seed: null,
};
const idle = {
  status: 'idle',
  task_id: null,
  url: null,
  error: null,
  provider: null,
  model: null,
  phase: null,
  progress: null,
  poster_url: null,
  attempt_id: null,
  form_data: null,
  started_at: null,
  completed_at: null,
};
const finished = (attempt_id: string) => ({
  ...idle,
  status: 'completed',
  url: `/uploads/videos/${attempt_id}.mp4`,
  provider: 'local',
  model: 'camera',
  attempt_id,
});
const stored = <Video extends { completed_at: unknown }>(video: Video) => ({
  ...video,
  completed_at: { $date: '2026-01-01T00:00:00.000Z' },
});

const image = 'uploads/images/0123456789abcdef0123456789abcdef.png';
const id24 = (text: string) => Buffer.from(text).toString('hex').padEnd(24, '0').slice(0, 24);
const nobody = 'f'.repeat(24);
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
type Message = any;

let server: TestServer;
let away: Promise<TestServer>;
let tab: TestSocket;
let other: TestSocket;

beforeAll(async () => {
  // Starts beside the other tests, since it first waits for a database that does not come.
  away = startServer({ MONGODB_URI: 'mongodb://127.0.0.1:9/none' });
  server = await startServer();
  tab = await connect(server.wsUrl);
  other = await connect(`${server.url.replace('http', 'ws')}/ws`);
});

afterAll(async () => {
  tab.close();
  other.close();
  await (await away).stop();
  expect(await server.stop()).toBe(0);
});

const create = async (fields: object = {}): Promise<Message> =>
  (await tab.ask({ type: 'workspace.create', ...fields })).workspace;
const update = (workspace_id: string, updates: unknown, more: object = {}) =>
  tab.ask({ type: 'workspace.update', workspace_id, updates, ...more });
const list = async (): Promise<Message[]> => (await server.get('/api/workspaces')).body.workspaces;
const find = async (workspaceId: string): Promise<Message> =>
  (await list()).find(({ _id }: { _id: string }) => _id === workspaceId);
const order = async () => (await list()).map(({ _id }) => _id as string);

/** How many frames the other tab has by now: its own answer comes after what was pushed before. */
async function mark(): Promise<number> {
  await other.ask({ type: 'workspace.reorder', workspace_ids: [], request_id: `mark-${other.frames.length}` });
  return other.frames.length;
}

/** Everything that the other tab was told since. */
async function heard(since: number): Promise<Message[]> {
  const until = await mark();
  return other.frames.slice(since, until).filter(({ request_id }) => !request_id?.startsWith('mark-'));
}

describe('workspace.create', () => {
  test('appends an empty workspace and tells the sender and the others', async () => {
    const since = await mark();
    const before = await order();
    const answer = await tab.ask({ type: 'workspace.create', request_id: 'create-1' });
    expect(answer).toEqual({
      type: 'workspace.created',
      request_id: 'create-1',
      workspace: {
        _id: expect.stringMatching(/^[0-9a-f]{24}$/),
        order_index: expect.any(Number),
        image_path: null,
        image_url: null,
        form_data: emptyForm,
        video: idle,
        takes: [],
        ai_collaboration: [],
        version: 1,
        created_at: expect.stringMatching(time),
        updated_at: expect.stringMatching(time),
      },
    });
    expect(await heard(since)).toEqual([{ type: 'workspace.created', workspace: answer.workspace }]);
    expect(await order()).toEqual([...before, answer.workspace._id]);
    expect(await find(answer.workspace._id)).toEqual(answer.workspace);
  });

  test('takes an image and a part of the form; the address of the image follows its path', async () => {
    const workspace = await create({
      data: { image_path: image, form_data: { prompt: '海边的日落', seed: 4294967295 } },
    });
    expect(workspace).toMatchObject({
      image_path: image,
      image_url: `/${image}`,
      form_data: { ...emptyForm, prompt: '海边的日落', seed: 4294967295 },
    });
    expect(await create({ data: { image_url: `/${image}` } })).toMatchObject({ image_path: image });
  });

  test('takes an id chosen by the client, and answers the same id with what is stored, unchanged', async () => {
    const workspace_id = id24('chosen');
    const first = await create({ workspace_id, data: { form_data: { prompt: 'first' } } });
    expect(first._id).toBe(workspace_id);
    const since = await mark();
    expect(await create({ workspace_id, data: { form_data: { prompt: 'second' } } })).toEqual(first);
    expect(await heard(since)).toEqual([]);
  });

  test('of an id chosen by the client is not mistaken for another of the same request_id', async () => {
    const request_id = 'two-tabs-count-alike';
    const made = [await create({ request_id }), await create({ request_id, workspace_id: id24('tab-one') })];
    made.push(await create({ request_id, workspace_id: id24('tab-two') }));
    expect(made.slice(1).map(({ _id }) => _id)).toEqual([id24('tab-one'), id24('tab-two')]);
    expect(await create({ request_id })).toEqual(made[0]);
  });

  test('of an id in the trash is INVALID_INPUT', async () => {
    const { _id } = await create();
    await tab.ask({ type: 'workspace.delete', workspace_id: _id });
    expect(await tab.ask({ type: 'workspace.create', workspace_id: _id })).toMatchObject({
      type: 'error',
      code: 'INVALID_INPUT',
      workspace_id: _id,
    });
    expect(await find(_id)).toBeUndefined();
  });

  test('under one request_id makes one workspace, also from two tabs at once and after 100 edits', async () => {
    const message = { type: 'workspace.create', request_id: 'once-for-ever' };
    const before = (await order()).length;
    const both = await Promise.all([tab.ask(message), other.ask(message), tab.ask(message)]);
    const { _id } = both[0].workspace;
    expect(both.map(({ workspace }) => workspace._id)).toEqual([_id, _id, _id]);
    for (let edit = 0; edit < 100; edit++)
      tab.send({ type: 'workspace.update', workspace_id: _id, updates: { 'form_data.prompt': `${edit}` } });
    await update(_id, { 'form_data.lighting': 'x' });
    const again = await other.ask(message);
    expect(again.workspace).toMatchObject({ _id, version: 102, form_data: { prompt: '99' } });
    expect((await order()).length).toBe(before + 1);
  });
});

describe('workspace.update', () => {
  test('changes the named fields only and tells the others what changed', async () => {
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
    expect(await heard(since)).toEqual([
      { type: 'workspace.updated', workspace_id: workspace._id, version: 2, changes },
    ]);
    expect(await find(workspace._id)).toEqual({
      ...workspace,
      image_path: image,
      image_url: `/${image}`,
      form_data: { ...emptyForm, prompt: 'kept', duration_s: 7, lighting: 'noir', seed: 0 },
      version: 2,
      updated_at: confirm.updated_at,
    });
  });

  test('takes every field nested and dotted alike', async () => {
    const values = {
      camera_movement: 'push_in',
      shot_size: 'x'.repeat(100),
      lighting: '光'.repeat(100),
      prompt: 'p'.repeat(2000),
      negative_prompt: 'n'.repeat(1000),
      duration_s: 15,
      aspect_ratio: '21:9',
      seed: 4294967295,
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

  test('of two fields in two tabs keeps both, in every one of 50 rounds', async () => {
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

  test('of one field in two tabs leaves both tabs with the value that is stored', async () => {
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

  test('is answered in the order of the messages, and the last one wins', async () => {
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

  test('keeps its order in a burst with other messages, and the others hear of each step', async () => {
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

  test('under one request_id twice in a burst is applied once', async () => {
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

  test('under one request_id is applied once and answered again, up to the 64th last', async () => {
    const { _id } = await create();
    const first = await update(_id, { 'form_data.prompt': 'first' }, { request_id: 'ring-0' });
    expect(first.version).toBe(2);
    for (let index = 1; index < 64; index++) {
      await update(_id, { 'form_data.prompt': `newer ${index}` }, { request_id: `ring-${index}` });
    }
    const since = await mark();
    const again = await update(_id, { 'form_data.prompt': 'first' }, { request_id: 'ring-0' });
    expect(again).toMatchObject({ type: 'workspace.sync_confirm', request_id: 'ring-0', workspace_id: _id });
    expect(await heard(since)).toEqual([]);
    expect(await find(_id)).toMatchObject({ version: 65, form_data: { prompt: 'newer 63' } });
  });

  test('under one request_id sent by two tabs at once is applied once', async () => {
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

  test('under the request_id of another workspace is applied', async () => {
    const [one, two] = [await create(), await create()];
    await update(one._id, { 'form_data.prompt': 'one' }, { request_id: 'shared' });
    await update(two._id, { 'form_data.prompt': 'two' }, { request_id: 'shared' });
    expect((await find(two._id)).form_data.prompt).toBe('two');
  });
});

describe('workspace.delete and workspace.restore', () => {
  test('put it into the trash and back at its place, with video and takes', async () => {
    const [before, one, after] = [await create(), await create({ data: { image_path: image } }), await create()];
    const fields = { video: stored(finished('now')), takes: [stored(finished('old'))] };
    await changeStored(server.env.MONGODB_URI!, one._id, fields);
    const whole = await find(one._id);

    const since = await mark();
    const remove = { type: 'workspace.delete', workspace_id: one._id, request_id: 'delete-1' };
    const deleted = { type: 'workspace.deleted', request_id: 'delete-1', workspace_id: one._id };
    expect(await tab.ask(remove)).toEqual(deleted);
    expect(await tab.ask(remove)).toEqual(deleted);
    expect(await tab.ask({ ...remove, request_id: 'delete-2' })).toEqual({ ...deleted, request_id: 'delete-2' });
    expect(await heard(since)).toEqual([{ type: 'workspace.deleted', workspace_id: one._id }]);
    expect(await order()).not.toContain(one._id);

    const restoredSince = await mark();
    const back = await tab.ask({ type: 'workspace.restore', workspace_id: one._id, request_id: 'back-1' });
    expect(back).toEqual({ type: 'workspace.created', request_id: 'back-1', workspace: whole });
    expect(await heard(restoredSince)).toEqual([{ type: 'workspace.created', workspace: whole }]);
    expect((await order()).slice(-3)).toEqual([before._id, one._id, after._id]);

    expect(await tab.ask(remove)).toEqual(deleted);
    expect(await find(one._id)).toEqual(whole);
  });

  test('keep the place of what is in the trash while the rest is reordered', async () => {
    const ids = [];
    for (let index = 0; index < 4; index++) ids.push((await create())._id);
    const [a, b, c, d] = ids;
    await tab.ask({ type: 'workspace.delete', workspace_id: b });
    await tab.ask({ type: 'workspace.reorder', workspace_ids: [...(await order()).slice(0, -3), d, c, a] });
    await tab.ask({ type: 'workspace.restore', workspace_id: b });
    expect((await order()).slice(-4)).toEqual([d, b, c, a]);
  });

  test('refuse an edit, a choice, a generation and a suggestion of what is in the trash', async () => {
    const { _id } = await create();
    await tab.ask({ type: 'workspace.delete', workspace_id: _id });
    const gone = { type: 'error', code: 'WORKSPACE_NOT_FOUND', workspace_id: _id };
    expect(await update(_id, { 'form_data.prompt': 'x' })).toMatchObject(gone);
    expect(await tab.ask({ type: 'workspace.choose_take', workspace_id: _id, attempt_id: 'a' })).toMatchObject(gone);
    for (const [route, more] of [
      ['/api/generate/video', {}],
      ['/api/generate/cancel', {}],
      ['/api/ai/suggest', { message: 'hello' }],
    ] as const) {
      expect(await server.post(route, { workspace_id: _id, ...more })).toMatchObject({
        status: 404,
        body: { error: { code: 'WORKSPACE_NOT_FOUND' } },
      });
    }
  });

  test('do not know an id that never was', async () => {
    for (const type of ['workspace.delete', 'workspace.restore']) {
      expect(await tab.ask({ type, workspace_id: nobody })).toMatchObject({
        type: 'error',
        code: 'WORKSPACE_NOT_FOUND',
        workspace_id: nobody,
      });
      const since = tab.frames.length;
      tab.send({ type, workspace_id: nobody });
      const plain = await tab.next(({ workspace_id }) => workspace_id === nobody, since);
      expect(plain).toMatchObject({ type: 'error', code: 'WORKSPACE_NOT_FOUND' });
    }
  });
});

describe('workspace.choose_take', () => {
  const choose = (workspace_id: string, attempt_id: string, more: object = {}) =>
    tab.ask({ type: 'workspace.choose_take', workspace_id, attempt_id, ...more });
  const withVideos = async (fields: object) => {
    const { _id } = await create();
    await changeStored(server.env.MONGODB_URI!, _id, fields);
    return _id as string;
  };

  test('makes the take the video, puts the finished one in its place, and tells everybody', async () => {
    const _id = await withVideos({
      video: stored(finished('v3')),
      takes: [stored(finished('v2')), stored(finished('v1'))],
    });
    const [mine, theirs] = [tab.frames.length, await mark()];
    const confirm = await choose(_id, 'v1', { request_id: 'take-1' });
    expect(confirm).toEqual({
      type: 'workspace.sync_confirm',
      request_id: 'take-1',
      workspace_id: _id,
      version: 2,
      updated_at: expect.stringMatching(time),
    });
    const { video, takes, version } = await find(_id);
    expect(video).toMatchObject({ status: 'completed', attempt_id: 'v1' });
    expect(takes.map((take: Message) => take.attempt_id)).toEqual(['v2', 'v3']);
    const told = { type: 'video.status_update', workspace_id: _id, video, takes, version };
    expect(await heard(theirs)).toEqual([told]);
    expect(tab.frames.slice(mine)).toContainEqual(told);

    expect(await choose(_id, 'v1', { request_id: 'take-1' })).toMatchObject({ version: 2 });
    expect((await find(_id)).version).toBe(2);
  });

  test('replaces a failed and an idle video', async () => {
    const error = { code: 'TASK_FAILED', message: 'It failed.', charged: 'no' };
    for (const video of [idle, { ...idle, status: 'failed', error, attempt_id: 'bad' }]) {
      const _id = await withVideos({ video, takes: [stored(finished('good'))] });
      expect(await choose(_id, 'good')).toMatchObject({ type: 'workspace.sync_confirm' });
      expect(await find(_id)).toMatchObject({ video: { attempt_id: 'good' }, takes: [] });
    }
  });

  test('waits for no generation, and knows no other take', async () => {
    const generating = { ...idle, status: 'generating', phase: 'running', attempt_id: 'new' };
    const _id = await withVideos({ video: generating, takes: [stored(finished('old'))] });
    expect(await choose(_id, 'old')).toMatchObject({ type: 'error', code: 'VIDEO_IN_PROGRESS', workspace_id: _id });
    expect(await find(_id)).toMatchObject({ version: 1, video: { status: 'generating' } });

    const done = await withVideos({ video: stored(finished('a')), takes: [] });
    expect(await choose(done, 'nothing')).toMatchObject({ type: 'error', code: 'NOT_FOUND', workspace_id: done });
    expect(await choose(nobody, 'nothing')).toMatchObject({ type: 'error', code: 'WORKSPACE_NOT_FOUND' });
  });
});

describe('workspace.reorder', () => {
  test('stores the order and tells the sender and the others the whole of it', async () => {
    await create();
    await create();
    const wanted = (await order()).reverse();
    const since = await mark();
    const answer = await tab.ask({ type: 'workspace.reorder', workspace_ids: wanted, request_id: 'order-1' });
    expect(answer).toEqual({ type: 'workspace.reorder_confirm', request_id: 'order-1', workspace_ids: wanted });
    expect(await heard(since)).toContainEqual({ type: 'workspace.reordered', workspace_ids: wanted });
    expect(await order()).toEqual(wanted);
  });

  test('ignores strings that are no known id, counts the first of a repeated one, and lets the missing follow', async () => {
    const before = await order();
    const last = before.at(-1)!;
    const first = before[0]!;
    const named = ['', 'x', nobody, last, last.toUpperCase() + 'Z', first, last, '$ne', '__proto__'];
    const { workspace_ids } = await tab.ask({ type: 'workspace.reorder', workspace_ids: named });
    expect(workspace_ids).toEqual([last, first, ...before.slice(1, -1)]);
    expect(await order()).toEqual(workspace_ids);
  });

  test('of no names keeps the order', async () => {
    const before = await order();
    expect(await tab.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: before });
  });

  test.each<[string, unknown]>([
    ['a number', [1]],
    ['null', [null]],
    ['an object', [{ $ne: null }]],
    ['a list', [['a']]],
    ['a string instead of the list', 'abc'],
    ['nothing', undefined],
  ])('refuses %s', async (_name, workspace_ids) => {
    const before = await order();
    expect(await tab.ask({ type: 'workspace.reorder', workspace_ids })).toMatchObject({
      type: 'error',
      code: 'INVALID_INPUT',
    });
    expect(await order()).toEqual(before);
  });

  test('under one request_id is applied once', async () => {
    const before = await order();
    const message = { type: 'workspace.reorder', workspace_ids: before.toReversed(), request_id: 'order-once' };
    await tab.ask(message);
    await tab.ask({ type: 'workspace.reorder', workspace_ids: before });
    expect(await tab.ask(message)).toMatchObject({ type: 'workspace.reorder_confirm', request_id: 'order-once' });
    expect(await order()).toEqual(before);
  });

  test('among creates and deletes at once leaves every live workspace once, and all tabs agree', async () => {
    const doomed = (await create())._id;
    const ids = await order();
    await Promise.all([
      tab.ask({ type: 'workspace.reorder', workspace_ids: ids.toReversed() }),
      other.ask({ type: 'workspace.create' }),
      other.ask({ type: 'workspace.reorder', workspace_ids: ids }),
      tab.ask({ type: 'workspace.delete', workspace_id: doomed }),
      other.ask({ type: 'workspace.create' }),
      tab.ask({ type: 'workspace.reorder', workspace_ids: ids.slice(2) }),
    ]);
    const after = await order();
    expect(new Set(after).size).toBe(after.length);
    expect(after).toHaveLength(ids.length + 1);
    expect(after).not.toContain(doomed);
    const indices = (await list()).map(({ order_index }) => order_index);
    expect(new Set(indices).size).toBe(indices.length);
    expect(await other.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: after });
  });
});

describe('a message that does not fit', () => {
  let workspace: Message;
  beforeAll(async () => {
    workspace = await create({ data: { image_path: image, form_data: { prompt: 'as it was' } } });
  });
  afterEach(async () => {
    expect(await find(workspace._id)).toEqual(workspace);
  });

  const answerTo = async (text: string): Promise<Message> => {
    const socket = await connect(server.wsUrl);
    socket.send(text);
    const answer = await socket.next(() => true);
    await socket.ask({ type: 'workspace.reorder', workspace_ids: [] });
    expect(socket.frames).toHaveLength(2);
    socket.close();
    return answer;
  };

  test.each(['', '{', 'hello', "{'type':'x'}", '{"type":"workspace.create"', '[1,', '\u0000', '{"a":1}}'])(
    'being %j is INVALID_JSON',
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
  ])('being no object is INVALID_INPUT (%#)', async (text) => {
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
  ])('of the type %j is UNKNOWN_MESSAGE or INVALID_INPUT and echoes its request_id', async (type) => {
    const answer = await tab.ask({ type, workspace_id: workspace._id });
    expect(answer).toMatchObject({ type: 'error', workspace_id: workspace._id });
    expect(answer.code).toMatch(typeof type === 'string' ? /^UNKNOWN_MESSAGE$/ : /^(UNKNOWN_MESSAGE|INVALID_INPUT)$/);
  });

  test.each<[unknown]>([[''], ['a b'], ['a'.repeat(65)], ['ü'], [7], [null], [{}], [['a']], [true], ['a\n']])(
    'with the request_id %j is INVALID_INPUT and does not echo it',
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
      expect(answer.details).toContainEqual({ path: 'request_id', message: expect.any(String) });
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

  test.each(messages)('%s with a key that it does not know is INVALID_INPUT and names it', async (type, fields) => {
    const about = type === 'workspace.reorder' || type === 'workspace.create' ? {} : { workspace_id: workspace._id };
    for (const key of ['extra', 'version', '$set', 'constructor', 'id', '_id']) {
      const answer = await tab.ask({ type, ...about, ...fields, [key]: {} });
      expect([key, answer]).toEqual([key, expect.objectContaining({ type: 'error', code: 'INVALID_INPUT' })]);
      expect(answer.details).toContainEqual({ path: key, message: expect.any(String) });
    }
  });

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

  test('is tried with at least 40 shapes of an id', () => expect(ids.length).toBeGreaterThanOrEqual(40));

  test.each(ids)('with the workspace_id %s is INVALID_INPUT at every entry', async (_name, workspace_id) => {
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

  test.each(operators)('with %s at any depth is INVALID_INPUT', async (operator) => {
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

  test.each(paths)('that writes %j is INVALID_INPUT', async (path) => {
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
  ])('with the updates %s is INVALID_INPUT', async (updates) => {
    expect(await raw(updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });

  test('with __proto__ beside its own keys is INVALID_INPUT', async () => {
    const text = `{"type":"workspace.update","workspace_id":"${workspace._id}","updates":{"form_data.prompt":"no"},"__proto__":{"a":1}}`;
    expect(await answerTo(text)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
    expect(await answerTo('{"type":"workspace.reorder","workspace_ids":[],"__proto__":[]}')).toMatchObject({
      code: 'INVALID_INPUT',
    });
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
  )('with the %s %s is INVALID_INPUT, nested, dotted and at creation', async (key, _shown, value) => {
    const nested = await update(workspace._id, { form_data: { lighting: 'no', [key]: value } });
    expect(nested).toMatchObject({ type: 'error', code: 'INVALID_INPUT', workspace_id: workspace._id });
    expect(nested.details).toContainEqual({ path: `updates.form_data.${key}`, message: expect.any(String) });
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

  test.each(images)('with the image %j is INVALID_INPUT', async (path) => {
    expect(await update(workspace._id, { image_path: path })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await update(workspace._id, { image_url: path })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await update(workspace._id, { image_url: `/${path}` })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await tab.ask({ type: 'workspace.create', data: { image_path: path } })).toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  test('with a path and an address of different images is INVALID_INPUT', async () => {
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
  ])('with the updates %j is INVALID_INPUT', async (updates) => {
    expect(await update(workspace._id, updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });
});

describe('a text', () => {
  test.each([
    ['with line breaks and control characters', 'a\r\nb\tc\u001b[31m'],
    ['from right to left', 'abc\u202edef'],
    ['of emoji', '👩‍👩‍👧‍👦🎬'],
    ['that looks like markup', '<script>alert(1)</script>'],
    ['that looks like an operator', '{"$ne": null}'],
    ['of 2000 Chinese characters', '海'.repeat(2000)],
  ])('%s comes back as it was sent', async (_name, prompt) => {
    const { _id } = await create();
    expect(await update(_id, { 'form_data.prompt': prompt })).toMatchObject({ type: 'workspace.sync_confirm' });
    expect((await find(_id)).form_data.prompt).toBe(prompt);
  });
});

describe('a client that knows only the first version of the contract', () => {
  test('creates, edits, reorders and deletes without a request_id', async () => {
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
});

describe('without a database', () => {
  test('every message is answered DATABASE_UNAVAILABLE within 5 s, and REST and health say so', async () => {
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
});
