import { startServer, type TestServer } from '../helpers/server';
import { runAway } from './away';
import { createTally, openClient } from './client';
import { startFaultyMongod, type FaultyMongod } from './faults';

test('the server answers every message in time while the database is away, and goes on when it is back', async () => {
  const result = await runAway({ awayMs: 8000, print: () => undefined });
  expect(result.sent).toBeGreaterThan(5);
  expect(result.answers).toEqual({ DATABASE_UNAVAILABLE: result.sent });
  expect(result).toEqual(expect.objectContaining({ ok: true, storedAfterwards: true, sameProcess: true }));
}, 60_000);

describe('an edit whose fate is open', () => {
  let mongod: FaultyMongod;
  let server: TestServer;

  beforeAll(async () => {
    mongod = await startFaultyMongod();
    server = await startServer({ MONGODB_URI: mongod.uri });
  }, 60_000);

  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    await mongod.stop();
  });

  test('an edit whose fate is open is stored when it is sent again, but for the fields that were edited since', async () => {
    const tally = createTally();
    const one = openClient(() => server.wsUrl, tally);
    const other = openClient(() => server.wsUrl, tally);
    const { workspace } = await one.ask({ type: 'workspace.create' });
    const update = { type: 'workspace.update', workspace_id: workspace._id };
    const form = async () => (await server.get('/api/workspaces')).body.workspaces[0].form_data;

    await mongod.freeze();
    const older = { ...update, request_id: 'older', updates: { form_data: { prompt: 'old', shot_size: 'wide' } } };
    const newer = { ...update, request_id: 'newer', updates: { form_data: { prompt: 'new', lighting: 'soft' } } };
    const answers = await Promise.all([one.askOnce(older), one.askOnce(newer)]);
    expect(answers).toMatchObject([{ code: 'DATABASE_UNAVAILABLE' }, { code: 'DATABASE_UNAVAILABLE' }]);
    await mongod.thaw();

    const since = await other.ask({ ...update, updates: { form_data: { lighting: 'hard' } } });
    expect(since.type).toBe('workspace.sync_confirm');
    for (const message of [newer, older])
      expect(await one.ask(message)).toMatchObject({ type: 'workspace.sync_confirm' });
    expect(await form()).toMatchObject({ prompt: 'new', shot_size: 'wide', lighting: 'hard' });
    one.close();
    other.close();
  });
});
