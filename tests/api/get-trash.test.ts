import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

let server: TestServer;
let tab: TestSocket;
beforeAll(async () => {
  server = await startServer();
  tab = await connect(server.wsUrl);
});
afterAll(async () => {
  tab.close();
  await server.stop();
});

const trash = async () => (await server.get('/api/trash')).body.workspaces;
const create = async (prompt: string) =>
  (await tab.ask({ type: 'workspace.create', data: { form_data: { prompt } } })).workspace;
const remove = (id: string) => tab.ask({ type: 'workspace.delete', workspace_id: id });

test('the trash lists what was deleted, the newest first, and nothing of what is there', async () => {
  expect(await trash()).toEqual([]);
  const [first, second] = [await create('first'), await create('second')];
  await create('stays');
  await remove(first._id);
  await remove(second._id);
  const listed = await trash();
  expect(listed.map(({ form_data: form }: { form_data: { prompt: string } }) => form.prompt)).toEqual([
    'second',
    'first',
  ]);
  const { deleted_at: deletedAt, ...workspace } = listed[1];
  expect(workspace).toEqual(first);
  expect(Date.parse(deletedAt as string)).toBeLessThanOrEqual(Date.now());
});

test('what was restored is in the trash no more', async () => {
  const { _id } = await create('comes back');
  await remove(_id);
  await tab.ask({ type: 'workspace.restore', workspace_id: _id });
  expect((await trash()).map((one: { _id: string }) => one._id)).not.toContain(_id);
});
