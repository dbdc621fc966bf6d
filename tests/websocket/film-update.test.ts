import { nobody } from '../fixtures/workspaces';
import { music, newSettings } from '../fixtures/films';
import { createFilm, films, heard, mark, tab, useServer } from '../helpers/tabs';

useServer();

const update = (film_id: string, updates: unknown, more: object = {}) =>
  tab.ask({ type: 'film.update', film_id, updates, ...more });
const stored = async (filmId: string) => (await films()).find(({ _id }) => _id === filmId);

test('an update changes the named fields only, and tells the others with dotted keys', async () => {
  const { _id } = await createFilm({ title: 'before' });
  const since = await mark();
  const answer = await update(_id, { title: 'after', settings: { fps: 25 }, 'settings.fit': 'blur' });
  expect(answer).toMatchObject({ type: 'film.sync_confirm', film_id: _id, version: 2 });
  expect(await heard(since)).toEqual([
    {
      type: 'film.updated',
      film_id: _id,
      version: 2,
      changes: { title: 'after', 'settings.fps': 25, 'settings.fit': 'blur' },
    },
  ]);
  const film = await stored(_id);
  expect(film).toMatchObject({ title: 'after', version: 2, updated_at: answer.updated_at });
  expect(film.settings).toEqual({ ...newSettings, fps: 25, fit: 'blur' });
});

test('a repeated update is answered the same, and does not undo a newer one', async () => {
  const { _id } = await createFilm();
  const first = await update(_id, { title: 'first' }, { request_id: 'title-1' });
  await update(_id, { title: 'second' }, { request_id: 'title-2' });
  const again = await update(_id, { title: 'first' }, { request_id: 'title-1' });
  expect(again).toMatchObject({ type: 'film.sync_confirm', version: first.version + 1 });
  expect(await stored(_id)).toMatchObject({ title: 'second', version: 3 });
});

test('updates sent together are stored one after the other, each with its version', async () => {
  const { _id } = await createFilm();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => update(_id, { 'settings.style': `style ${index}` })),
  );
  expect(answers.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
  expect((await stored(_id)).settings.style).toBe('style 19');
});

test('music is set and removed by either of its names', async () => {
  const { _id } = await createFilm();
  await update(_id, { 'settings.music_url': `/${music}` });
  expect((await stored(_id)).settings).toMatchObject({ music_path: music, music_url: `/${music}` });
  await update(_id, { settings: { music_path: null } });
  expect((await stored(_id)).settings).toMatchObject({ music_path: null, music_url: null });
});

test.each([
  ['two files of music', { settings: { music_path: music, music_url: '/uploads/audio/other.mp3' } }],
  ['the same setting twice', { settings: { fps: 25 }, 'settings.fps': 30 }],
  ['nothing', {}],
  ['an amount that is no whole number', { settings: { spend_limit: { currency: 'USD', micros: 0.5 } } }],
])('an update that names %s is INVALID_INPUT', async (_, updates) => {
  const { _id } = await createFilm();
  expect(await update(_id, updates)).toMatchObject({ type: 'error', code: 'INVALID_INPUT', film_id: _id });
  expect(await stored(_id)).toMatchObject({ version: 1 });
});

test('an update of a film that is not there is FILM_NOT_FOUND', async () => {
  expect(await update(nobody, { title: 'x' })).toMatchObject({ code: 'FILM_NOT_FOUND', film_id: nobody });
});
