import { once } from 'node:events';
import { WebSocket } from 'ws';
import { nobody } from '../fixtures/workspaces';
import { connectTo, createFilm, films, heard, listOf, mark, server, tab, useServer } from '../helpers/tabs';

useServer();

const remove = (film_id: string, more: object = {}) => tab.ask({ type: 'film.delete', film_id, ...more });
const restore = (film_id: string, more: object = {}) => tab.ask({ type: 'film.restore', film_id, ...more });
const addShot = async (film_id: string) => (await tab.ask({ type: 'workspace.create', film_id })).workspace;
const trash = async () => (await server.get('/api/trash')).body;

test('a deleted film goes to the trash with its shots, and comes back with them and no others', async () => {
  const film = await createFilm({ title: 'Harbour' });
  const [gone, first, second] = [await addShot(film._id), await addShot(film._id), await addShot(film._id)];
  await tab.ask({ type: 'workspace.delete', workspace_id: gone._id });
  const since = await mark();
  expect(await remove(film._id)).toMatchObject({ type: 'film.deleted', film_id: film._id });
  expect(await heard(since)).toEqual([{ type: 'film.deleted', film_id: film._id }]);
  expect(await server.get(`/api/workspaces?film_id=${film._id}`)).toMatchObject({
    status: 404,
    body: { error: { code: 'FILM_NOT_FOUND' } },
  });
  const { films: deleted, workspaces } = await trash();
  expect(deleted[0]).toMatchObject({ _id: film._id, title: 'Harbour', shots: 2, duration_s: 0 });
  expect(Date.parse(deleted[0].deleted_at)).toBeLessThanOrEqual(Date.now());
  expect(workspaces).toEqual([]);
  expect(await tab.ask({ type: 'workspace.restore', workspace_id: gone._id })).toMatchObject({
    code: 'FILM_NOT_FOUND',
    workspace_id: gone._id,
    film_id: film._id,
  });

  const back = await restore(film._id);
  expect(back).toMatchObject({ type: 'film.created', film: { _id: film._id, shots: 2 } });
  expect(await listOf(film._id)).toEqual([first, second]);
  expect((await trash()).workspaces).toMatchObject([{ _id: gone._id }]);
});

test('a shot that is deleted while its film is in the trash stays there when the film comes back', async () => {
  const film = await createFilm();
  const [stays, gone] = [await addShot(film._id), await addShot(film._id)];
  await remove(film._id);
  expect(await tab.ask({ type: 'workspace.delete', workspace_id: gone._id })).toMatchObject({
    type: 'workspace.deleted',
  });
  expect((await restore(film._id)).film).toMatchObject({ shots: 1 });
  expect(await listOf(film._id)).toEqual([stays]);
  expect((await trash()).workspaces).toContainEqual(expect.objectContaining({ _id: gone._id }));
});

test('its sockets are closed with 1012, and those of other films stay open', async () => {
  const film = await createFilm();
  const inside = new WebSocket(`${server.wsUrl}?film_id=${film._id}`);
  await once(inside, 'open');
  const closed = once(inside, 'close');
  await remove(film._id);
  expect((await closed)[0]).toBe(1012);
  expect(await tab.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({
    type: 'workspace.reorder_confirm',
  });
});

test('a repeated delete or restore is answered the same and changes nothing', async () => {
  const { _id } = await createFilm();
  await remove(_id, { request_id: 'delete-film' });
  await restore(_id, { request_id: 'restore-film' });
  expect(await remove(_id, { request_id: 'delete-film' })).toMatchObject({ type: 'film.deleted', film_id: _id });
  expect((await films()).map((film) => film._id)).toContain(_id);
  await remove(_id);
  expect(await remove(_id)).toMatchObject({ type: 'film.deleted', film_id: _id });
  expect(await restore(_id, { request_id: 'restore-film' })).toMatchObject({ type: 'film.created' });
  expect((await films()).map((film) => film._id)).not.toContain(_id);
});

test('before the only film is deleted an empty one is made, and everybody is told', async () => {
  for (const { _id } of (await films()).slice(1)) await remove(_id);
  const [last] = await films();
  const watcher = await connectTo((await createFilm())._id);
  await remove(watcher.frames.length === 0 ? (await films())[1]._id : nobody);
  const since = tab.frames.length;
  expect(await remove(last._id)).toMatchObject({ type: 'film.deleted', film_id: last._id });
  const [made] = await films();
  expect(made).toMatchObject({ title: '', is_default: true, shots: 0 });
  expect(tab.frames.slice(since).map(({ type }) => type)).toEqual(['film.created', 'film.deleted']);
});
