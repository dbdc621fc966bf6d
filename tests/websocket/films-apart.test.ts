import { nobody } from '../fixtures/workspaces';
import { connectTo, createFilm, films, list, listOf, order, server, tab, useServer } from '../helpers/tabs';
import { connect } from '../helpers/socket';
import { sendHttp } from '../helpers/wire';

useServer();

test('a socket hears the shots of its film only, and of all films what happens to the films', async () => {
  const [one, two] = [await createFilm(), await createFilm()];
  const [inOne, inTwo] = [await connectTo(one._id), await connectTo(two._id)];
  const { workspace } = await inOne.ask({ type: 'workspace.create' });
  expect(workspace).toMatchObject({ film_id: one._id });
  // A message may name a shot of another film; it is applied and told there.
  const since = inOne.frames.length;
  const updates = { 'cut.caption': 'Night', form_data: { prompt: 'rain' } };
  await inTwo.ask({ type: 'workspace.update', workspace_id: workspace._id, updates });
  const told = await inOne.next(({ type }) => type === 'workspace.updated', since);
  expect(told).toMatchObject({ changes: { 'cut.caption': 'Night', 'form_data.prompt': 'rain' } });
  await inTwo.ask({ type: 'film.update', film_id: two._id, updates: { title: 'Two' } });
  expect(await inOne.next(({ type }) => type === 'film.updated')).toMatchObject({ film_id: two._id });
  expect(
    inTwo.frames.filter(({ type }) => type.startsWith('workspace.created') || type === 'workspace.updated'),
  ).toEqual([]);
  inOne.close();
  inTwo.close();
});

test('an order is that of one film, and ids of another film are ignored like unknown ones', async () => {
  const [one, two] = [await createFilm(), await createFilm()];
  const add = async (film_id: string) => (await tab.ask({ type: 'workspace.create', film_id })).workspace._id;
  const [a, b, c, other] = [await add(one._id), await add(one._id), await add(one._id), await add(two._id)];
  const before = await order();
  const reorder = { type: 'workspace.reorder', film_id: one._id, workspace_ids: [other, c, nobody, a] };
  expect(await tab.ask(reorder)).toMatchObject({ workspace_ids: [c, a, b] });
  expect((await listOf(one._id)).map(({ _id }) => _id)).toEqual([c, a, b]);
  expect((await listOf(two._id)).map(({ _id }) => _id)).toEqual([other]);
  expect(await order()).toEqual(before);
});

test('a client that knows no films lives in the default film', async () => {
  const [first] = await films();
  expect(first).toMatchObject({ is_default: true, title: '' });
  const { workspace } = await tab.ask({ type: 'workspace.create' });
  expect(workspace.film_id).toBe(first._id);
  expect(await list()).toEqual(await listOf(first._id));
  expect((await films())[0]).toMatchObject({ shots: (await list()).length });
});

test('the list of films has the figures of their shots, and answers 304 while nothing changes', async () => {
  const film = await createFilm();
  const data = { image_path: 'uploads/images/0123456789abcdef0123456789abcdef.png', form_data: { duration_s: 4 } };
  await tab.ask({ type: 'workspace.create', film_id: film._id, data });
  const last = await tab.ask({ type: 'workspace.create', film_id: film._id, data });
  await tab.ask({ type: 'workspace.create', film_id: film._id });
  const response = await server.get('/api/films');
  const listed = response.body.films.at(-1);
  expect(listed).toMatchObject({ shots: 3, duration_s: 8, poster_url: `/${data.image_path}` });
  expect(listed.updated_at >= last.workspace.updated_at).toBe(true);
  const etag = response.headers.get('etag')!;
  const again = await sendHttp(server.url, 'GET', '/api/films', [`If-None-Match: ${etag}`]);
  expect(again.status).toBe(304);
});

test.each([
  ['an unknown film', nobody, 404],
  ['what is no id', 'film', 400],
  ['two films', `${nobody}&film_id=${nobody}`, 400],
])('a socket for %s is refused before the upgrade', async (_, filmId, status) => {
  for (const address of [server.wsUrl, `${server.url.replace('http', 'ws')}/ws`])
    await expect(connect(`${address}?film_id=${filmId}`)).rejects.toThrow(String(status));
});

test.each([
  ['unknown', nobody, 404, 'FILM_NOT_FOUND'],
  ['no id', 'film', 400, 'INVALID_INPUT'],
])('a list of a film that is %s is refused', async (_, filmId, status, code) => {
  expect(await server.get(`/api/workspaces?film_id=${filmId}`)).toMatchObject({ status, body: { error: { code } } });
});
