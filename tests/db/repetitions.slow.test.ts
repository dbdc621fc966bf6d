import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { startFaultyMongod, type FaultyMongod } from '../chaos/faults';

const prompt = (text: string) => ({ 'form_data.prompt': text });

/** Two tabs on one server. */
async function openTabs(server: TestServer): Promise<{ one: TestSocket; other: TestSocket; close: () => void }> {
  const [one, other] = await Promise.all([connect(server.wsUrl), connect(server.wsUrl)]);
  return { one, other, close: () => [one, other].forEach((tab) => tab.close()) };
}

describe('a message that was lost with the server and comes again', () => {
  let server: TestServer;
  let ids: string[];
  let version: number;
  let tabs: Awaited<ReturnType<typeof openTabs>>;

  const list = async () =>
    (await server.get('/api/workspaces')).body.workspaces as { _id: string; form_data: object }[];
  const order = async () => (await list()).map(({ _id }) => _id);
  const form = async (id: string) => (await list()).find(({ _id }) => _id === id)!.form_data;

  beforeAll(async () => {
    server = await startServer();
    const before = await openTabs(server);
    ids = [];
    for (let index = 0; index < 3; index++)
      ids.push((await before.one.ask({ type: 'workspace.create' })).workspace._id);
    ({ version } = await before.one.ask({
      type: 'workspace.update',
      workspace_id: ids[0],
      updates: prompt('as it was'),
    }));
    before.close();
    await server.kill();
    server = await server.restart();
    tabs = await openTabs(server);
  }, 60_000);

  afterAll(async () => {
    tabs.close();
    expect(await server.stop()).toBe(0);
  });

  test('a message that was lost with the server and comes again overwrites no field that was acknowledged after it, and stores the others', async () => {
    const edit = { type: 'workspace.update', workspace_id: ids[0], base_version: version };
    await tabs.other.ask({ ...edit, updates: prompt('newer') });
    const answer = await tabs.one.ask({ ...edit, updates: { ...prompt('older'), 'form_data.lighting': 'soft' } });
    expect(answer).toMatchObject({ type: 'workspace.sync_confirm' });
    expect(answer).not.toHaveProperty('replaced');
    expect(await form(ids[0]!)).toMatchObject({ prompt: 'newer', lighting: 'soft' });
  });

  test('a message that was lost with the server and comes again goes before nothing of its own, so that edits sent one behind the other all count', async () => {
    const edit = { type: 'workspace.update', workspace_id: ids[1], base_version: 1 };
    const answers = await Promise.all(['a', 'b', 'c'].map((text) => tabs.one.ask({ ...edit, updates: prompt(text) })));
    expect(answers.map((answer) => answer.version)).toEqual([2, 3, 4]);
    expect(answers.some((answer) => 'replaced' in answer)).toBe(false);
    expect(await form(ids[1]!)).toMatchObject({ prompt: 'c' });
  });

  test('a message that was lost with the server and comes again overwrites no order that was acknowledged after it', async () => {
    const [a, b, c] = ids as [string, string, string];
    const reorder = { type: 'workspace.reorder', base_order: ids };
    await tabs.other.ask({ ...reorder, workspace_ids: [c, b, a] });
    const answer = await tabs.one.ask({ ...reorder, workspace_ids: [b, a, c] });
    expect(answer).toMatchObject({ type: 'workspace.reorder_confirm', workspace_ids: [c, b, a] });
    expect(await order()).toEqual([c, b, a]);
  });

  test('a message that was lost with the server and comes again is stored where its sender saw what is stored', async () => {
    const seen = await order();
    const wanted = seen.toReversed();
    await tabs.one.ask({ type: 'workspace.reorder', workspace_ids: wanted, base_order: seen });
    expect(await order()).toEqual(wanted);
  });
});

describe('an edit of what another has changed since its sender looked', () => {
  let server: TestServer;
  let tabs: Awaited<ReturnType<typeof openTabs>>;

  beforeAll(async () => {
    server = await startServer();
    tabs = await openTabs(server);
  }, 60_000);

  afterAll(async () => {
    tabs.close();
    expect(await server.stop()).toBe(0);
  });

  test('an edit of what another has changed since its sender looked is the newest, and its sender is told what it has replaced', async () => {
    const { workspace } = await tabs.one.ask({ type: 'workspace.create' });
    const edit = { type: 'workspace.update', workspace_id: workspace._id, base_version: 1 };
    await tabs.other.ask({ ...edit, updates: { ...prompt('of the other'), 'form_data.lighting': 'soft' } });
    const answer = await tabs.one.ask({ ...edit, updates: { ...prompt('mine'), 'form_data.shot_size': 'wide' } });
    expect(answer).toMatchObject({ type: 'workspace.sync_confirm', replaced: prompt('of the other') });
    const seen = await tabs.other.ask({ ...edit, base_version: answer.version, updates: prompt('seen') });
    expect(seen).not.toHaveProperty('replaced');
  });

  test('a new order of what another has ordered since is the newest too', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 2; index++)
      ids.push((await tabs.one.ask({ type: 'workspace.create' })).workspace._id as string);
    const reorder = { type: 'workspace.reorder', base_order: ids };
    await tabs.other.ask({ ...reorder, workspace_ids: ids.toReversed() });
    const { workspace_ids } = await tabs.one.ask({ ...reorder, workspace_ids: ids });
    expect(workspace_ids.indexOf(ids[0])).toBeLessThan(workspace_ids.indexOf(ids[1]));
  });
});

describe('a database that stands still', () => {
  let mongod: FaultyMongod;
  let server: TestServer;
  let tabs: Awaited<ReturnType<typeof openTabs>>;

  beforeAll(async () => {
    mongod = await startFaultyMongod();
    server = await startServer({ MONGODB_URI: mongod.uri });
    tabs = await openTabs(server);
  }, 60_000);

  afterAll(async () => {
    tabs.close();
    expect(await server.stop()).toBe(0);
    await mongod.stop();
  });

  test('messages that change the order are answered in time while the database stands still, however many, and keep no edit waiting', async () => {
    const { workspace } = await tabs.one.ask({ type: 'workspace.create' });
    const second = (await tabs.one.ask({ type: 'workspace.create' })).workspace._id as string;
    const ids = [second, workspace._id as string];
    await mongod.freeze();
    const sentMs = performance.now();
    const lost = { type: 'workspace.reorder', workspace_ids: ids, request_id: 'lost-order' };
    const asked = [
      tabs.one.ask(lost),
      ...Array.from({ length: 9 }, () => tabs.one.ask({ type: 'workspace.reorder', workspace_ids: [] })),
      tabs.one.ask({ type: 'workspace.update', workspace_id: workspace._id, updates: prompt('an edit') }),
    ];
    const answers = await Promise.all(
      asked.map((answer) => answer.then(({ code }) => ({ code, ms: performance.now() - sentMs }))),
    );
    await mongod.thaw();
    for (const { code, ms } of answers) {
      expect(['DATABASE_UNAVAILABLE', 'BUSY']).toContain(code);
      expect(ms).toBeLessThan(5000);
    }

    // And what is acknowledged now is not overwritten by the one that comes again.
    let newer = await tabs.other.ask({ type: 'workspace.reorder', workspace_ids: ids.toReversed() });
    while (newer.type === 'error')
      newer = await tabs.other.ask({ type: 'workspace.reorder', workspace_ids: ids.toReversed() });
    expect(await tabs.one.ask(lost)).toMatchObject({ workspace_ids: ids.toReversed() });
  }, 60_000);
});
