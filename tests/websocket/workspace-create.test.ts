import { emptyForm, id24, idle, image, time, wholeClip } from '../fixtures/workspaces';
import { create, find, heard, mark, order, other, tab, update, useServer } from '../helpers/tabs';

useServer();

test('a create appends an empty workspace and tells the sender and the others', async () => {
  const since = await mark();
  const before = await order();
  const answer = await tab.ask({ type: 'workspace.create', request_id: 'create-1' });
  expect(answer).toEqual({
    type: 'workspace.created',
    request_id: 'create-1',
    workspace: {
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      film_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      order_index: expect.any(Number),
      image_path: null,
      image_url: null,
      end_image_path: null,
      end_image_url: null,
      form_data: emptyForm,
      cut: wholeClip,
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

test('a create takes an image and a part of the form; the address of the image follows its path', async () => {
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

test('a create takes an end image, and what the shot starts from and ends on', async () => {
  const links = { start: 'previous', end: 'image' };
  const made = await create({ data: { end_image_path: image, form_data: links } });
  expect(made).toMatchObject({ end_image_path: image, end_image_url: `/${image}`, image_path: null });
  expect(made.form_data).toEqual({ ...emptyForm, ...links });
  expect(await create({ data: { end_image_url: `/${image}` } })).toMatchObject({ end_image_path: image });
});

test.each([
  ['two end images', { end_image_path: image, end_image_url: `/${image.replace('0', '1')}` }],
  ['an end image of another folder', { end_image_path: 'uploads/videos/a.mp4' }],
  ['a start that does not exist', { form_data: { start: 'next' } }],
  ['an end that does not exist', { form_data: { end: 'previous' } }],
])('a create with %s is INVALID_INPUT', async (_, data) => {
  expect(await tab.ask({ type: 'workspace.create', data })).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
});

test.each([
  ['code points', 'x'.repeat(2001)],
  ['UTF-16 units', '😀'.repeat(1001)],
  ['both', '😀'.repeat(2001)],
])('a create with a prompt of more than 2000 %s is INVALID_INPUT, with the limit once', async (_what, prompt) => {
  const answer = await tab.ask({ type: 'workspace.create', data: { image_path: image, form_data: { prompt } } });
  const details = [expect.objectContaining({ path: 'data.form_data.prompt', rule: 'too_long', limit: 2000 })];
  expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT', details });
});

test('a create takes an id chosen by the client, and answers the same id with what is stored, unchanged', async () => {
  const workspace_id = id24('chosen');
  const first = await create({ workspace_id, data: { form_data: { prompt: 'first' } } });
  expect(first._id).toBe(workspace_id);
  const since = await mark();
  expect(await create({ workspace_id, data: { form_data: { prompt: 'second' } } })).toEqual(first);
  expect(await heard(since)).toEqual([]);
});

test('a create of an id chosen by the client is not mistaken for another of the same request_id', async () => {
  const request_id = 'two-tabs-count-alike';
  const made = [await create({ request_id }), await create({ request_id, workspace_id: id24('tab-one') })];
  made.push(await create({ request_id, workspace_id: id24('tab-two') }));
  expect(made.slice(1).map(({ _id }) => _id)).toEqual([id24('tab-one'), id24('tab-two')]);
  expect(await create({ request_id })).toEqual(made[0]);
});

test('a create of an id in the trash says that it was deleted', async () => {
  const { _id } = await create();
  await tab.ask({ type: 'workspace.delete', workspace_id: _id });
  expect(await tab.ask({ type: 'workspace.create', workspace_id: _id })).toMatchObject({
    type: 'error',
    code: 'WORKSPACE_NOT_FOUND',
    workspace_id: _id,
  });
  expect(await find(_id)).toBeUndefined();
});

test('creates under one request_id make one workspace, also from two tabs at once and after 100 edits', async () => {
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
