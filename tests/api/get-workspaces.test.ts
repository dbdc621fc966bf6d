import { changeStored } from '../helpers/stored';
import { createId, send, server, update, useServer } from '../helpers/tabs';

useServer();

test('the list is 304 until something changes', async () => {
  const _id = await createId();
  const first = await send('GET', '/api/workspaces');
  const match = [`If-None-Match: ${first.headers.etag}`];
  expect(await send('GET', '/api/workspaces', match)).toMatchObject({ status: 304, text: '' });
  await update(_id, { 'form_data.prompt': 'x' });
  expect((await send('GET', '/api/workspaces', match)).status).toBe(200);
});

test('the list leaves out a document that does not fit and shows the others', async () => {
  const [good, bad] = [await createId(), await createId()];
  await changeStored(server.env.MONGODB_URI!, bad, { 'form_data.duration_s': 'soon' });
  const { status, body } = await server.get('/api/workspaces');
  const ids = body.workspaces.map(({ _id }: { _id: string }) => _id);
  expect(status).toBe(200);
  expect(ids).toContain(good);
  expect(ids).not.toContain(bad);
  await changeStored(server.env.MONGODB_URI!, bad, { 'form_data.duration_s': 5 });
});

test('a cache asks again before it shows a list, changed or not', async () => {
  const list = await send('GET', '/api/workspaces');
  expect(list.headers['cache-control']).toBe('no-cache');
  const same = await send('GET', '/api/workspaces', [`If-None-Match: ${list.headers.etag}`]);
  expect(same.status).toBe(304);
  expect(same.headers['cache-control']).toBe('no-cache');
});
