import { finished, image, nobody } from '../fixtures/workspaces';
import { changeStored } from '../helpers/stored';
import { create, find, heard, mark, order, server, tab, useServer } from '../helpers/tabs';

useServer();

test('a workspace comes back from the trash at its place, with video and takes', async () => {
  const [before, one, after] = [await create(), await create({ data: { image_path: image } }), await create()];
  const fields = { video: finished('now'), takes: [finished('old')] };
  await changeStored(server.env.MONGODB_URI!, one._id, fields);
  const whole = await find(one._id);

  const remove = { type: 'workspace.delete', workspace_id: one._id, request_id: 'delete-1' };
  const deleted = { type: 'workspace.deleted', request_id: 'delete-1', workspace_id: one._id };
  expect(await tab.ask(remove)).toEqual(deleted);

  const since = await mark();
  const back = await tab.ask({ type: 'workspace.restore', workspace_id: one._id, request_id: 'back-1' });
  expect(back).toEqual({ type: 'workspace.created', request_id: 'back-1', workspace: whole });
  expect(await heard(since)).toEqual([{ type: 'workspace.created', workspace: whole }]);
  expect((await order()).slice(-3)).toEqual([before._id, one._id, after._id]);

  // The same message again, which was answered before, removes nothing.
  expect(await tab.ask(remove)).toEqual(deleted);
  expect(await find(one._id)).toEqual(whole);
});

test('a workspace in the trash keeps its place while the rest is reordered', async () => {
  const ids = [];
  for (let index = 0; index < 4; index++) ids.push((await create())._id);
  const [a, b, c, d] = ids;
  await tab.ask({ type: 'workspace.delete', workspace_id: b });
  await tab.ask({ type: 'workspace.reorder', workspace_ids: [...(await order()).slice(0, -3), d, c, a] });
  await tab.ask({ type: 'workspace.restore', workspace_id: b });
  expect((await order()).slice(-4)).toEqual([d, b, c, a]);
});

test('a restore of an id that never was is WORKSPACE_NOT_FOUND', async () => {
  const unknown = { type: 'error', code: 'WORKSPACE_NOT_FOUND', workspace_id: nobody };
  expect(await tab.ask({ type: 'workspace.restore', workspace_id: nobody })).toMatchObject(unknown);
  const since = tab.frames.length;
  tab.send({ type: 'workspace.restore', workspace_id: nobody });
  expect(await tab.next(({ workspace_id }) => workspace_id === nobody, since)).toMatchObject(unknown);
});
