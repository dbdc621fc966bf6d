import { changeStored } from '../helpers/stored';
import { finished, id24, idle, image, nobody } from '../fixtures/workspaces';
import { createFilm, films, heard, listOf, mark, server, tab, useServer } from '../helpers/tabs';

useServer();

const duplicate = (film_id: string, more: object = {}) => tab.ask({ type: 'film.duplicate', film_id, ...more });
const failed = {
  ...idle,
  status: 'failed',
  attempt_id: 'failed-1',
  error: { code: 'TIMEOUT', message: 'Too late.', charged: 'maybe' },
};

async function filmWithShots() {
  const film = await createFilm({ title: 'Harbour', settings: { fps: 25 } });
  const add = async (fields: object) => {
    const form_data = { prompt: 'rain', start: 'previous', end: 'image' };
    const data = { image_path: image, end_image_path: image, form_data, cut: { caption: 'Night', in_s: 0.5 } };
    const { workspace } = await tab.ask({ type: 'workspace.create', film_id: film._id, data });
    await changeStored(server.env.MONGODB_URI!, workspace._id, fields);
  };
  await add({ video: finished('made'), takes: [finished('old')] });
  await add({ video: failed, takes: [finished('good')] });
  return film;
}

test('a copy has settings, order, forms, cuts, pictures, takes and chosen videos, and nothing runs in it', async () => {
  const film = await filmWithShots();
  const since = await mark();
  const answer = await duplicate(film._id, { request_id: 'copy-1' });
  expect(answer).toMatchObject({ type: 'film.created', film: { title: 'Harbour', shots: 2, settings: { fps: 25 } } });
  expect(await heard(since)).toEqual([{ type: 'film.created', film: answer.film }]);
  const copied = ['image_path', 'image_url', 'end_image_path', 'end_image_url', 'form_data', 'cut', 'takes'] as const;
  const [originals, copies] = [await listOf(film._id), await listOf(answer.film._id)];
  for (const [index, copy] of copies.entries()) {
    expect(copied.map((key) => copy[key])).toEqual(copied.map((key) => originals[index][key]));
    expect(copy).toMatchObject({ film_id: answer.film._id, version: 1, order_index: index });
    expect(copy._id).not.toBe(originals[index]._id);
  }
  expect(copies.map(({ video }) => video)).toEqual([originals[0].video, idle]);
  expect(copies[0]).toMatchObject({ end_image_path: image, form_data: { start: 'previous', end: 'image' } });
  expect(copies[0].cut).toEqual({ caption: 'Night', in_s: 0.5, out_s: null, volume: 1 });
});

test('a repeated copy gets the stored film, by its id or else by its request_id', async () => {
  const film = await filmWithShots();
  const first = await duplicate(film._id, { request_id: 'copy-2', title: 'Second' });
  const count = (await films()).length;
  expect((await duplicate(film._id, { request_id: 'copy-2' })).film).toEqual(first.film);
  const chosen = { new_film_id: id24('copied film') };
  const second = await duplicate(film._id, chosen);
  expect(second.film).toMatchObject({ _id: chosen.new_film_id, title: 'Harbour' });
  expect((await duplicate(film._id, chosen)).film).toEqual(second.film);
  expect(await films()).toHaveLength(count + 1);
});

test('a copy of a film that is not there is FILM_NOT_FOUND', async () => {
  expect(await duplicate(nobody)).toMatchObject({ type: 'error', code: 'FILM_NOT_FOUND', film_id: nobody });
});

test('a copy into an id of a film in the trash is FILM_NOT_FOUND of that id', async () => {
  const [film, gone] = [await createFilm(), await createFilm()];
  await tab.ask({ type: 'film.delete', film_id: gone._id });
  expect(await duplicate(film._id, { new_film_id: gone._id })).toMatchObject({
    type: 'error',
    code: 'FILM_NOT_FOUND',
    film_id: gone._id,
  });
});
