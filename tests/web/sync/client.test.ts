import mongoose from 'mongoose';
import type { Workspace } from '../../../src/contract/workspace';
import { memoryStorage } from '../../../src/web/sync/storage';
import { freshDatabase, startServer, type TestServer } from '../../helpers/server';
import { startClient, stopClients, type Interference, type TestClient } from './clients';

let server: TestServer;

beforeAll(async () => {
  const uri = freshDatabase();
  await mongoose.connect(uri);
  server = await startServer({ MONGODB_URI: uri });
});
afterEach(stopClients);
afterAll(async () => {
  await server.stop();
  await mongoose.disconnect();
});

const start = (options?: Parameters<typeof startClient>[2], interference?: Interference): TestClient =>
  startClient(server.wsUrl, server.url, options, interference);

const stored = async (id: string): Promise<Workspace | undefined> => {
  const { body } = await server.get('/api/workspaces');
  return (body.workspaces as Workspace[]).find((workspace) => workspace._id === id);
};

const updatesOf = (client: TestClient) => client.sent.filter(({ type }) => type === 'workspace.update');

it('shows an edit at once, and says "saved" only when the server has stored it', async () => {
  const client = start();
  await client.saved();
  const id = client.create();
  client.update(id, { 'form_data.prompt': 'rain' });
  expect(client.getSnapshot().byId[id]?.form_data.prompt).toBe('rain');
  expect(client.getSnapshot().state).toBe('saving');

  await client.saved();
  expect((await stored(id))?.form_data.prompt).toBe('rain');
});

it('sends the typing of one field as one message after a pause', async () => {
  const client = start();
  await client.saved();
  const id = client.create();
  for (const prompt of ['r', 'ra', 'rai', 'rain']) client.update(id, { 'form_data.prompt': prompt });
  await client.saved();
  expect(updatesOf(client).map(({ updates }) => updates)).toEqual([{ 'form_data.prompt': 'rain' }]);
});

it('sends a message again under the same request_id when no answer comes, and it is applied once', async () => {
  let swallowed = 0;
  const client = start(
    { answerWithinMs: 200 },
    { incoming: (frame) => (frame.type === 'workspace.sync_confirm' && swallowed++ === 0 ? null : frame) },
  );
  await client.saved();
  const id = client.create();
  client.update(id, { 'form_data.prompt': 'once' });
  await client.saved();
  const ids = updatesOf(client).map(({ request_id: requestId }) => requestId as string);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  expect((await stored(id))?.version).toBe(2);
});

it('shows a shot that another page brought back between two sendings of its deletion', async () => {
  const two = start();
  let isLost = false;
  const one = start(
    { answerWithinMs: 400 },
    {
      incoming: (frame) => {
        if (isLost || frame.type !== 'workspace.deleted' || !frame.request_id) return frame;
        isLost = true;
        two.restore(frame.workspace_id);
        return null;
      },
    },
  );
  await Promise.all([one.saved(), two.saved()]);
  const id = one.create();
  await one.saved();
  one.delete(id);
  await one.until(({ byId }) => !byId[id]);
  await one.until(({ byId, state }) => state === 'saved' && Boolean(byId[id]));
  expect(one.sent.filter(({ type }) => type === 'workspace.delete')).toHaveLength(2);
  expect((await stored(id))?._id).toBe(id);
});

it('shows what came back from the trash at its place, also after the others have changed theirs', async () => {
  const [one, two] = [start(), start()];
  await Promise.all([one.saved(), two.saved()]);
  const others = one.getSnapshot().ids;
  const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => one.create()) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  one.delete(d);
  one.delete(e);
  one.reorder([...others, f, a, b, c]);
  one.delete(f);
  one.restore(d);
  await one.saved();

  const mine = (ids: readonly string[]) => ids.filter((id) => [a, b, c, d].includes(id));
  const { body } = await server.get('/api/workspaces');
  const order = mine((body.workspaces as Workspace[]).map(({ _id }) => _id));
  expect(order).toEqual([a, b, d, c]);
  for (const client of [one, two]) await client.until(({ ids }) => mine(ids).join() === order.join());
});

it.each(['DATABASE_UNAVAILABLE', 'BUSY'])('repeats the same request_id after %s', async (code) => {
  let isFirst = true;
  const client = start(
    {},
    {
      incoming: (frame) => {
        if (frame.type !== 'workspace.sync_confirm' || !isFirst) return frame;
        isFirst = false;
        return {
          type: 'error',
          request_id: frame.request_id,
          workspace_id: frame.workspace_id,
          code,
          message: 'later',
        };
      },
    },
  );
  await client.saved();
  const id = client.create();
  client.update(id, { 'form_data.prompt': 'later' });
  await client.saved();
  expect(new Set(updatesOf(client).map(({ request_id: requestId }) => requestId as string)).size).toBe(1);
  expect(updatesOf(client)).toHaveLength(2);
  expect((await stored(id))?.form_data.prompt).toBe('later');
});

it('tells the others, and keeps what is being typed over what arrives', async () => {
  const [one, two] = [start(), start()];
  await Promise.all([one.saved(), two.saved()]);
  const id = one.create();
  await two.until(({ byId }) => Boolean(byId[id]));

  two.update(id, { 'form_data.prompt': 'mine' });
  one.update(id, { 'form_data.prompt': 'theirs', 'form_data.lighting': 'neon' });
  one.flush();
  await two.until(({ byId }) => byId[id]?.form_data.lighting === 'neon');
  expect(two.getSnapshot().byId[id]?.form_data.prompt).toBe('mine');

  await two.saved();
  await one.until(({ byId }) => byId[id]?.form_data.prompt === 'mine');
});

it('shows what the server refused until it is dismissed, and goes back to the stored value', async () => {
  const client = start();
  await client.saved();
  const id = client.create();
  client.update(id, { 'form_data.duration_s': 99 });
  const { refused, byId } = await client.until(({ state }) => state === 'refused');
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatchObject({
    error: { code: 'INVALID_INPUT' },
    message: { updates: { 'form_data.duration_s': 99 } },
  });
  expect(byId[id]?.form_data.duration_s).toBe(5);

  client.dismiss(refused[0]);
  expect(client.getSnapshot().state).toBe('saved');
});

it('shows an edit as refused when another window has deleted the shot', async () => {
  const [one, two] = [start(), start()];
  await Promise.all([one.saved(), two.saved()]);
  const id = one.create();
  await two.until(({ byId }) => Boolean(byId[id]));
  two.update(id, { 'form_data.prompt': 'too late' });
  one.delete(id);
  const { refused } = await two.until(({ state }) => state === 'refused');
  expect(refused[0]?.error.code).toBe('WORKSPACE_NOT_FOUND');
});

it('loads the list again when a push was missed', async () => {
  const missed: unknown[] = [];
  const interference: Interference = {
    incoming: (frame) => (frame.type === 'workspace.updated' && missed.length === 0 ? void missed.push(frame) : frame),
  };
  const [one, two] = [start(), start({}, interference)];
  await Promise.all([one.saved(), two.saved()]);
  const id = one.create();
  await two.until(({ byId }) => Boolean(byId[id]));

  one.update(id, { 'form_data.prompt': 'missed' });
  await one.saved();
  one.update(id, { 'form_data.lighting': 'neon' });
  const { byId } = await two.until((snapshot) => snapshot.byId[id]?.form_data.lighting === 'neon');
  expect(missed).toHaveLength(1);
  expect(byId[id]?.form_data.prompt).toBe('missed');
});

it('moves, deletes and brings back at once, and everywhere alike', async () => {
  const [one, two] = [start(), start()];
  await Promise.all([one.saved(), two.saved()]);
  const ids = [one.create(), one.create(), one.create()];
  const mine = (client: TestClient) => client.getSnapshot().ids.filter((id) => ids.includes(id));
  one.reorder([ids[2]!, ids[0]!, ids[1]!]);
  expect(mine(one)).toEqual([ids[2], ids[0], ids[1]]);
  one.delete(ids[0]!);
  expect(mine(one)).toEqual([ids[2], ids[1]]);
  await one.saved();
  one.restore(ids[0]!);
  expect(mine(one)).toEqual([ids[2], ids[0], ids[1]]);
  await one.saved();
  await two.until(() => mine(two).join() === [ids[2], ids[0], ids[1]].join());
});

it('keeps waiting edits over a reload, and sends them when the page is back', async () => {
  const storage = memoryStorage();
  const first = start({ storage });
  await first.saved();
  const id = first.create();
  await first.saved();
  first.stop();

  const offline = startClient('ws://127.0.0.1:9', server.url, { storage });
  offline.update(id, { 'form_data.prompt': 'written offline' });
  await offline.until(({ state, waiting }) => state === 'offline' && waiting === 1);
  offline.stop();

  const back = start({ storage });
  await back.until(({ byId }) => byId[id]?.form_data.prompt === 'written offline');
  await back.saved();
  expect((await stored(id))?.form_data.prompt).toBe('written offline');
});

it('leaves alone what another page without Web Locks is typing, and takes over what a page that is gone has left', async () => {
  const storage = memoryStorage();
  const withoutLocks = { storage, hasLocks: false, takeLock: async () => true, silentForMs: 1000, debounceMs: 300 };
  const typing = start(withoutLocks);
  await typing.saved();
  const id = typing.create();
  await typing.saved();
  typing.update(id, { 'form_data.prompt': 'A man walks' });
  const other = start(withoutLocks);
  await other.saved();
  typing.update(id, { 'form_data.prompt': 'A man walks through the rain' });
  await typing.saved();
  await other.until(({ byId }) => byId[id]?.form_data.prompt === 'A man walks through the rain');
  expect(updatesOf(other)).toEqual([]);

  const gone = {
    waiting: [],
    refused: [],
    drafts: [[id, { 'form_data.prompt': 'left behind' }]],
    aliveAt: Date.now() - 2000,
  };
  await storage.set('outbox of-a-page-that-crashed', gone);
  const heir = start(withoutLocks);
  await heir.until(({ byId, state }) => byId[id]?.form_data.prompt === 'left behind' && state === 'saved');
  expect((await stored(id))?.form_data.prompt).toBe('left behind');
});

it('goes on while the server is killed, and loses nothing', async () => {
  const client = start();
  await client.saved();
  const id = client.create();
  await client.saved();

  client.update(id, { 'form_data.prompt': 'before' });
  client.flush();
  await server.kill();
  await client.until(({ state }) => state === 'offline');
  client.update(id, { 'form_data.lighting': 'neon' });
  client.update(id, { 'form_data.seed': 7 });
  const late = client.create();
  const { waiting } = await client.until((snapshot) => snapshot.waiting >= 3);
  expect(waiting).toBeLessThanOrEqual(4);

  const ports = { SERVER_PORT: new URL(server.url).port, WS_PORT: new URL(server.wsUrl).port };
  server = await server.restart(ports);
  expect((await client.saved()).waiting).toBe(0);
  expect((await stored(id))?.form_data).toMatchObject({ prompt: 'before', lighting: 'neon', seed: 7 });
  expect(await stored(late)).toBeDefined();
});

it('stores the last of 200 edits while the connection is cut again and again', async () => {
  const client = start({ debounceMs: 5 });
  await client.saved();
  const id = client.create();
  for (let edit = 1; edit <= 200; edit++) {
    client.update(id, { 'form_data.prompt': `edit ${edit}` });
    if (edit % 20 === 0) client.cut();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await client.saved();
  expect((await stored(id))?.form_data.prompt).toBe('edit 200');
  expect(client.getSnapshot().byId[id]?.form_data.prompt).toBe('edit 200');
});

it('shows what is stored after the database went back to an older day, and what is typed then', async () => {
  const client = start();
  await client.saved();
  const id = client.create();
  client.update(id, { 'form_data.prompt': 'of the backup' });
  await client.saved();
  const backup = await mongoose.connection.collection('workspaces').find({}).toArray();
  for (const prompt of ['later 1', 'later 2', 'later 3']) {
    client.update(id, { 'form_data.prompt': prompt });
    await client.saved();
  }

  // As restore.sh does: the server is down meanwhile.
  await server.kill();
  await mongoose.connection.collection('workspaces').deleteMany({});
  await mongoose.connection.collection('workspaces').insertMany(backup);
  server = await server.restart();
  const shown = await client.until(({ byId }) => byId[id]?.form_data.prompt !== 'later 3');
  expect(shown.byId[id]!.form_data.prompt).toBe('of the backup');

  client.update(id, { 'form_data.prompt': 'typed after it' });
  await client.saved();
  expect(client.getSnapshot().byId[id]!.form_data.prompt).toBe('typed after it');
  expect((await stored(id))!.form_data.prompt).toBe('typed after it');
});
