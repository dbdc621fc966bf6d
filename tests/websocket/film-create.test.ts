import { id24, nobody, time } from '../fixtures/workspaces';
import { music, newSettings } from '../fixtures/films';
import { createFilm, films, heard, mark, tab, useServer } from '../helpers/tabs';

useServer();

test('a create makes an empty film, and tells the sender and everybody else', async () => {
  const since = await mark();
  const answer = await tab.ask({ type: 'film.create', title: 'Harbour', request_id: 'film-1' });
  expect(answer).toEqual({
    type: 'film.created',
    request_id: 'film-1',
    film: {
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      title: 'Harbour',
      is_default: false,
      settings: newSettings,
      shots: 0,
      duration_s: 0,
      poster_url: null,
      version: 1,
      created_at: expect.stringMatching(time),
      updated_at: expect.stringMatching(time),
    },
  });
  expect(await heard(since)).toEqual([{ type: 'film.created', film: answer.film }]);
  expect((await films()).at(-1)).toEqual(answer.film);
});

test('a repeated create gets the stored film, by its id or else by its request_id', async () => {
  const chosen = { type: 'film.create', film_id: id24('chosen film'), title: 'one' };
  const first = await tab.ask(chosen);
  expect((await tab.ask({ ...chosen, title: 'two' })).film).toEqual(first.film);
  const named = { type: 'film.create', request_id: 'named-film' };
  const second = await tab.ask(named);
  const count = (await films()).length;
  expect((await tab.ask({ ...named, title: 'other' })).film).toEqual(second.film);
  expect(await films()).toHaveLength(count);
});

test('a create with the id of a film in the trash is FILM_NOT_FOUND', async () => {
  const { _id } = await createFilm();
  await tab.ask({ type: 'film.delete', film_id: _id });
  const again = await tab.ask({ type: 'film.create', film_id: _id });
  expect(again).toMatchObject({ type: 'error', code: 'FILM_NOT_FOUND', film_id: _id });
});

test('the path and the address of the music follow each other', async () => {
  const film = await createFilm({ settings: { music_path: music, fps: 30 } });
  expect(film.settings).toEqual({ ...newSettings, fps: 30, music_path: music, music_url: `/${music}` });
});

test.each([
  ['a rate that no film has', { settings: { fps: 23 } }, 'settings.fps'],
  ['a title that is too long', { title: 'x'.repeat(121) }, 'title'],
  ['a title that is too long in UTF-16 units', { title: '😀'.repeat(61) }, 'title'],
  ['a setting that does not exist', { settings: { speed: 2 } }, 'settings.speed'],
  ['an id that is none', { film_id: 'film' }, 'film_id'],
])('a create with %s is INVALID_INPUT and stores nothing', async (_, fields, path) => {
  const count = (await films()).length;
  const answer = await tab.ask({ type: 'film.create', ...fields });
  expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT', details: [{ path }] });
  expect(await films()).toHaveLength(count);
});

test('a workspace takes the ratio of its film, and a film that is not there is FILM_NOT_FOUND', async () => {
  const film = await createFilm({ settings: { aspect_ratio: '9:16' } });
  const { workspace } = await tab.ask({ type: 'workspace.create', film_id: film._id });
  expect(workspace).toMatchObject({ film_id: film._id, form_data: { aspect_ratio: '9:16' } });
  const refused = await tab.ask({ type: 'workspace.create', film_id: nobody });
  expect(refused).toMatchObject({ type: 'error', code: 'FILM_NOT_FOUND', film_id: nobody });
});
