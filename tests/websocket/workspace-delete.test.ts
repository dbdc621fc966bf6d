import { nobody } from '../fixtures/workspaces';
import { create, heard, mark, order, server, tab, update, useServer } from '../helpers/tabs';

useServer();

test('a delete puts a workspace into the trash and tells the others once, however often it is sent', async () => {
  const { _id } = await create();
  const since = await mark();
  const remove = { type: 'workspace.delete', workspace_id: _id, request_id: 'delete-1' };
  const deleted = { type: 'workspace.deleted', request_id: 'delete-1', workspace_id: _id };
  expect(await tab.ask(remove)).toEqual(deleted);
  expect(await tab.ask(remove)).toEqual(deleted);
  expect(await tab.ask({ ...remove, request_id: 'delete-2' })).toEqual({ ...deleted, request_id: 'delete-2' });
  expect(await heard(since)).toEqual([{ type: 'workspace.deleted', workspace_id: _id }]);
  expect(await order()).not.toContain(_id);
});

test('what is in the trash takes no edit, no choice, no generation and no suggestion', async () => {
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

test('a delete of an id that never was is WORKSPACE_NOT_FOUND', async () => {
  const unknown = { type: 'error', code: 'WORKSPACE_NOT_FOUND', workspace_id: nobody };
  expect(await tab.ask({ type: 'workspace.delete', workspace_id: nobody })).toMatchObject(unknown);
  const since = tab.frames.length;
  tab.send({ type: 'workspace.delete', workspace_id: nobody });
  expect(await tab.next(({ workspace_id }) => workspace_id === nobody, since)).toMatchObject(unknown);
});
