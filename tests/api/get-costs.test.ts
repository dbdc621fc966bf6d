import { nobody, time } from '../fixtures/workspaces';
import { click, doubles, ends, server, socket, stored, useVendors, workspace } from '../helpers/vendors';

useVendors();

const costs = async (query = '') => (await server.get(`/api/costs${query}`)).body;
const usd = (units: number) => ({ currency: 'USD', micros: Math.round(units * 1_000_000) });

/** One finished video at kling, with what it cost by our table. */
async function paidVideo(): Promise<{ id: string; micros: number; attempt_id: string }> {
  const id = await workspace();
  const { body } = await click(id, 'kling');
  await ends(id);
  return { id, micros: body.video.cost.micros, attempt_id: body.video.attempt_id };
}

test('without paid videos, nothing is spent', async () => {
  expect(await costs()).toEqual({ today: [], month: [], total: [], unclear: [], limits: [], charges: [] });
});

test('a paid video has its estimate when it is accepted, and its charge is told at the end', async () => {
  const id = await workspace();
  const { body } = await click(id, 'kling');
  const { attempt_id, cost } = body.video;
  expect(cost).toEqual({ ...usd(cost.micros / 1e6), basis: 'estimate', priced_on: expect.stringMatching(/^\d{4}-/) });
  expect((await costs()).charges[0]).toMatchObject({ attempt_id, state: 'reserved', cost, settled_at: null });

  await ends(id);
  const { film_id } = await stored(id);
  const told = await costs(`?film_id=${film_id}`);
  expect(told.charges[0]).toEqual({
    attempt_id,
    workspace_id: id,
    film_id,
    provider: 'kling',
    model: 'kling-3.0',
    state: 'charged',
    cost: expect.objectContaining({ currency: 'USD', micros: expect.any(Number) }),
    accept_over_limit: false,
    accept_unknown_price: false,
    started_at: expect.stringMatching(time),
    settled_at: expect.stringMatching(time),
  });
  const spent = [usd(told.charges[0].cost.micros / 1e6)];
  expect(told).toMatchObject({ today: spent, month: spent, total: spent, film: spent, unclear: [] });
});

test('what is spent outlives the shot and its film', async () => {
  const { film } = await socket.ask({ type: 'film.create', title: 'Short' });
  const before = (await costs()).total[0].micros;
  const { id, attempt_id } = await paidVideo();
  await socket.ask({ type: 'workspace.delete', workspace_id: id });
  expect((await costs()).charges[0].attempt_id).toBe(attempt_id);
  expect((await costs()).total[0].micros).toBeGreaterThan(before);
  await socket.ask({ type: 'film.delete', film_id: film._id });
  expect(await costs(`?film_id=${film._id}`)).toMatchObject({ film: [], limits: [] });
});

test('older charges come with the time of the last one', async () => {
  const { charges } = await costs();
  const older = (await costs(`?before=${charges[0].started_at}`)).charges;
  expect(older).toEqual(charges.slice(1));
});

test('a local video and an upload cost nothing', async () => {
  const { charges } = await costs();
  const id = await workspace({ duration_s: 2 });
  const { body } = await server.post('/api/generate/video', { workspace_id: id, provider: 'local' });
  expect(body.video.cost).toBeNull();
  expect((await costs()).charges).toEqual(charges);
});

test('the limit of a film is told with what was spent of it, and a click beyond it is refused with the way on', async () => {
  const id = await workspace();
  const { film_id } = await stored(id);
  const spent = (await costs(`?film_id=${film_id}`)).film[0];
  await socket.ask({ type: 'film.update', film_id, updates: { 'settings.spend_limit': spent } });
  expect((await costs(`?film_id=${film_id}`)).limits).toEqual([
    { scope: 'film', limit: spent, spent, resets_at: null },
  ]);

  const creates = (await doubles.runway.accepted()).length;
  const refused = await click(id, 'runway');
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'SPEND_LIMIT_REACHED' } } });
  expect((await doubles.runway.accepted()).length).toBe(creates);
  expect((await stored(id)).video.status).toBe('idle');

  const accepted = await click(id, 'runway', { accept_over_limit: true });
  expect(accepted.status).toBe(202);
  await ends(id);
  expect((await costs()).charges[0]).toMatchObject({ provider: 'runway', accept_over_limit: true });
  await socket.ask({ type: 'film.update', film_id, updates: { 'settings.spend_limit': null } });
});

test.each([
  ['?film_id=nothing', 400, 'INVALID_INPUT'],
  [`?film_id=${nobody}`, 404, 'FILM_NOT_FOUND'],
  ['?before=yesterday', 400, 'INVALID_INPUT'],
])('%s is refused with %i %s', async (query, status, code) => {
  expect(await server.get(`/api/costs${query}`)).toMatchObject({ status, body: { error: { code } } });
});
