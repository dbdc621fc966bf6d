import type { Film } from '../../../src/contract/film';
import type { Workspace } from '../../../src/contract/workspace';
import { memoryStorage } from '../../../src/web/sync/storage';
import { startServer, type TestServer } from '../../helpers/server';
import { connect, type TestSocket } from '../../helpers/socket';
import { startClient, stopClients, type TestClient } from './clients';

let server: TestServer;
let socket: TestSocket;
beforeAll(async () => {
  server = await startServer();
  socket = await connect(server.wsUrl);
});
afterAll(async () => {
  socket.close();
  await server.stop();
});
afterEach(stopClients);

const films = async (): Promise<Film[]> => (await server.get('/api/films')).body.films as Film[];
const newFilm = async (): Promise<string> => (await socket.ask({ type: 'film.create' })).film._id as string;
const idsOf = async (filmId: string): Promise<string[]> =>
  ((await server.get(`/api/workspaces?film_id=${filmId}`)).body.workspaces as Workspace[]).map(({ _id: id }) => id);
const clientOf = (filmId?: string, options: Parameters<typeof startClient>[2] = {}): TestClient =>
  startClient(server.wsUrl, server.url, { filmId, ...options });
/** What another page of this browser left behind, which is gone. */
const leftBy = async (client: TestClient) => {
  client.leave();
  client.stop();
  for (;;) {
    const [key] = await client.storage.keys();
    if (key && ((await client.storage.get(key)) as { aliveAt: number }).aliveAt === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

it('shows only the shots of its film, and creates and reorders in that film', async () => {
  const [rain, snow] = [await newFilm(), await newFilm()];
  const [inRain, inSnow] = [clientOf(rain), clientOf(snow)];
  await Promise.all([inRain.saved(), inSnow.saved()]);
  const [first, second] = [inRain.create(), inRain.create()];
  const other = inSnow.create();
  inRain.reorder([second, first]);
  await Promise.all([inRain.saved(), inSnow.saved()]);
  expect([await idsOf(rain), await idsOf(snow)]).toEqual([[second, first], [other]]);
  expect([inRain.getSnapshot().ids, inSnow.getSnapshot().ids]).toEqual([[second, first], [other]]);
});

it('sends the edits of a page of another film that is gone into that film, and shows none of them', async () => {
  const [rain, snow] = [await newFilm(), await newFilm()];
  const storage = memoryStorage();
  const gone = clientOf(rain, { storage, hasLocks: true });
  await gone.saved();
  const kept = gone.create();
  await gone.saved();
  gone.cut();
  const added = gone.create();
  gone.update(kept, { 'form_data.prompt': 'rain' });
  gone.reorder([added, kept]);
  await leftBy(gone);

  const heir = clientOf(snow, { storage, hasLocks: true });
  const seen: string[] = [];
  heir.subscribe(() => seen.push(...heir.getSnapshot().ids));
  await heir.until(({ waiting }) => waiting > 0);
  await heir.saved();
  expect(seen).toEqual([]);
  expect(await idsOf(rain)).toEqual([added, kept]);
  expect(await idsOf(snow)).toEqual([]);
});

it('puts a shot of a page that never met the server into the default film, whichever page sends it', async () => {
  const snow = await newFilm();
  const storage = memoryStorage();
  const gone = startClient('ws://127.0.0.1:9/ws', 'http://127.0.0.1:9', { storage, hasLocks: true });
  const added = gone.create();
  await leftBy(gone);
  const heir = clientOf(snow, { storage, hasLocks: true });
  await heir.until(({ waiting }) => waiting > 0);
  await heir.saved();
  const defaultFilm = (await films()).find((film) => film.is_default)!;
  expect(await idsOf(defaultFilm._id)).toContain(added);
  expect(heir.getSnapshot().ids).toEqual([]);
});

it('makes a film once, however often it is sent, and sends its title after it', async () => {
  const client = clientOf();
  await client.saved();
  const before = (await films()).length;
  client.cut();
  const id = client.films.create();
  client.films.update(id, { title: 'The sea' });
  client.films.update(id, { title: 'The sea at night', 'settings.fps': 25 });
  expect(client.getSnapshot().films.at(-1)).toMatchObject({ title: 'The sea at night', settings: { fps: 25 } });
  await client.saved();
  client.cut();
  await client.saved();
  const after = await films();
  expect(after.length).toBe(before + 1);
  expect(after.at(-1)).toMatchObject({ _id: id, title: 'The sea at night', settings: { fps: 25 } });
  expect(client.getSnapshot().films).toEqual(after);
});

it('copies a film with the edits of its shots that wait, before it deletes it', async () => {
  const rain = await newFilm();
  const client = clientOf(rain);
  await client.saved();
  client.cut();
  const shot = client.create();
  client.update(shot, { 'form_data.prompt': 'rain on the roof' });
  client.flush();
  const copy = client.films.duplicate(rain, 'Copy');
  client.films.update(copy, { title: 'Second copy' });
  const copied = await client.until(({ state, waiting }) => state === 'saved' && waiting === 0);
  expect(copied.films.find(({ _id }) => _id === copy)).toMatchObject({ title: 'Second copy', shots: 1 });
  const { workspaces } = (await server.get(`/api/workspaces?film_id=${copy}`)).body;
  expect(workspaces[0].form_data.prompt).toBe('rain on the roof');
});

it('tells of other films as they are made, named, deleted and restored elsewhere', async () => {
  const client = clientOf();
  await client.saved();
  const id = await newFilm();
  const filmOf = (snapshot: ReturnType<TestClient['getSnapshot']>) => snapshot.films.find(({ _id }) => _id === id);
  await client.until((snapshot) => filmOf(snapshot) !== undefined);
  await socket.ask({ type: 'film.update', film_id: id, updates: { title: 'Fog', settings: { fit: 'crop' } } });
  const { films: named } = await client.until((snapshot) => filmOf(snapshot)?.title === 'Fog');
  expect(named.at(-1)!.settings.fit).toBe('crop');
  await socket.ask({ type: 'film.delete', film_id: id });
  await client.until((snapshot) => !filmOf(snapshot));
  await socket.ask({ type: 'film.restore', film_id: id });
  await client.until((snapshot) => filmOf(snapshot)?.title === 'Fog');
});

it('says that its film is gone: deleted while it looks, while it is away, and unknown from the start', async () => {
  const gone = jest.fn();
  const [rain, snow] = [await newFilm(), await newFilm()];
  const looking = clientOf(rain, { onFilmGone: gone });
  await looking.saved();
  const toldAtOnce = new Promise((resolve) => gone.mockImplementation(resolve));
  await socket.ask({ type: 'film.delete', film_id: rain });
  expect(await toldAtOnce).toBe(rain);
  looking.stop();

  for (const id of [snow, 'f'.repeat(24)]) {
    await socket.ask({ type: 'film.delete', film_id: snow });
    const told = new Promise((resolve) => gone.mockImplementation(resolve));
    const late = clientOf(id, { onFilmGone: gone });
    expect(await told).toBe(id);
    late.stop();
  }
});

it('stays with its film when another one becomes the default', async () => {
  const old = (await films())[0]!._id;
  // The server closes the sockets of the film that is deleted.
  const other = await connect(`${server.wsUrl}?film_id=${await newFilm()}`);
  await other.ask({ type: 'film.delete', film_id: old });
  const client = clientOf();
  const { filmId, ids } = await client.saved();
  const shot = client.create();
  await client.saved();
  await other.ask({ type: 'film.restore', film_id: old });
  other.close();
  await client.until((snapshot) => snapshot.films[0]!._id === old);
  client.cut();
  await client.until(({ state }) => state === 'offline');
  const back = await client.saved();
  expect([back.filmId, back.ids]).toEqual([filmId, [...ids, shot]]);
  expect(await idsOf(filmId!)).toEqual([...ids, shot]);
});
