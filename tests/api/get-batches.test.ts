import { nobody } from '../fixtures/workspaces';
import { uploadPicture } from '../helpers/generating';
import { createFilm, createId, expectError, server, tab, useServer } from '../helpers/tabs';

useServer();

const list = (query = '') => server.get(`/api/batches${query}`);

test('a film without batches has an empty list', async () => {
  const film = await createFilm();
  expect(await list(`?film_id=${film._id}`)).toMatchObject({ status: 200, body: { batches: [] } });
});

test('the list has the batches of one film, newest first, and without a film those of the default one', async () => {
  const data = { image_path: await uploadPicture(server) };
  const film = await createFilm();
  const { workspace } = await tab.ask({ type: 'workspace.create', film_id: film._id, data });
  const other = await server.post('/api/generate/batch', { film_id: film._id, workspace_ids: [workspace._id] });
  const made: string[] = [];
  for (let batch = 0; batch < 3; batch++) {
    const { body } = await server.post('/api/generate/batch', { workspace_ids: [await createId(data)] });
    made.push(body.batch._id);
  }
  const { body } = await list();
  expect(body.batches.map(({ _id }: { _id: string }) => _id)).toEqual(made.toReversed());
  expect((await list(`?film_id=${film._id}`)).body.batches).toMatchObject([{ _id: other.body.batch._id }]);
  for (const batch_id of [...made, other.body.batch._id]) await server.post('/api/generate/cancel', { batch_id });
});

test('the list of a film that is not there is 404, and of no id INVALID_INPUT', async () => {
  expectError(await list(`?film_id=${nobody}`), 404, 'FILM_NOT_FOUND');
  expectError(await list('?film_id=film'), 400, 'INVALID_INPUT');
});
