import type { Batch } from '../../src/contract/batch';
import type { Workspace } from '../../src/contract/workspace';
import { usd } from '../helpers/charges';
import {
  click,
  finalVideo,
  load,
  newWorkspace,
  resetDoubles,
  settingsFor,
  startDoubles,
  stopDoubles,
  uploadPicture,
  wire,
  type Doubles,
} from '../helpers/generating';
import { freshDatabase, startServer, type Answer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

let doubles: Doubles;
let server: TestServer;
let socket: TestSocket;
let picture: string;

beforeAll(async () => {
  doubles = await startDoubles();
  server = await startServer({ ...settingsFor(doubles), VIDEO_MAX_CONCURRENT: '2', MONGODB_URI: freshDatabase() });
  socket = await connect(server.wsUrl);
  picture = await uploadPicture(server);
}, 60_000);
afterEach(async () => {
  await resetDoubles(doubles);
  const { body } = await server.get('/api/workspaces');
  for (const { _id } of body.workspaces as Workspace[]) {
    await socket.ask({ type: 'workspace.delete', workspace_id: _id });
  }
});
afterAll(async () => {
  socket.close();
  await server.stop();
  await stopDoubles(doubles);
});

const press = (body: object = {}): Promise<Answer> => server.post('/api/generate/batch', body);
const newest = async (): Promise<Batch> => (await server.get('/api/batches')).body.batches[0];

/** Waits until a socket is told of a batch that fits. */
async function toldOf(id: string, fits: (batch: Batch) => boolean): Promise<Batch> {
  const frame = await socket.next(
    ({ type, batch }) => type === 'batch.status_update' && batch._id === id && fits(batch as Batch),
  );
  return frame.batch as Batch;
}

const endOf = (id: string): Promise<Batch> => toldOf(id, ({ completed_at: endedAt }) => endedAt !== null);
const statesOf = ({ items }: Batch): string[] => items.map(({ state, reason }) => reason?.code ?? state);

test('a batch makes the shots of a film in order, no more at a time than allowed, and the last push is what is stored', async () => {
  const ids: string[] = [];
  for (let index = 0; index < 4; index++) ids.push(await newWorkspace(socket, picture));
  const dry = await press({ dry_run: true });
  expect(dry.status).toBe(200);
  expect(dry.body.ready.map(({ workspace_id }: { workspace_id: string }) => workspace_id)).toEqual(ids);
  expect(dry.body).toMatchObject({ blocked: [], estimate: [{ ...usd(2.4) }] });
  expect(await newest()).toBeUndefined();

  const { status, body } = await press();
  expect(status).toBe(202);
  expect(body.batch).toMatchObject({ status: 'running', estimate: dry.body.estimate, completed_at: null });
  expect((await press()).body.batch._id).toBe(body.batch._id);
  const ended = await endOf(body.batch._id);
  expect(statesOf(ended)).toEqual(ids.map(() => 'completed'));
  expect(await newest()).toEqual(ended);
  const created = await doubles.runway.accepted();
  expect(created).toHaveLength(4);
});

test('a shot that starts from the one before waits for its clip, and fails unpaid when that one fails', async () => {
  const first = await newWorkspace(socket, picture);
  const second = await newWorkspace(socket, null, { start: 'previous' });
  const third = await newWorkspace(socket, null, { start: 'previous' });
  const { prompt } = (await load(server, second)).form_data;
  await doubles.runway.script([{ match: wire.runway.create, body_has: prompt, task: { ends: 'failed' } }]);
  const dry = await press({ dry_run: true });
  expect(dry.body.ready.map(({ waits_for }: { waits_for: string }) => waits_for)).toEqual([null, first, second]);
  const { body } = await press();
  const ended = await endOf(body.batch._id);
  expect(statesOf(ended)).toEqual(['completed', 'TASK_FAILED', 'PREVIOUS_CLIP_MISSING']);
  expect(await doubles.runway.accepted()).toHaveLength(2);
  const { video } = await load(server, second);
  const { video: source } = await load(server, first);
  expect(video).toMatchObject({ from_attempt_id: source.attempt_id, from_s: null });
  expect(video.image_url).toMatch(/^\/uploads\/images\/[0-9a-f]{32}\.png$/);
  expect((await load(server, third)).video.status).toBe('idle');
});

test('a batch with blocked shots starts nothing and names them all, or makes the others', async () => {
  const good = await newWorkspace(socket, picture);
  const bare = await newWorkspace(socket, null);
  const long = await newWorkspace(socket, picture, { duration_s: 15 });
  const refused = await press();
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'BATCH_BLOCKED' } } });
  expect(refused.body.error.details.map(({ path }: { path: string }) => path)).toEqual([bare, long]);
  expect(await doubles.runway.accepted()).toHaveLength(0);
  const { body } = await press({ skip_blocked: true });
  expect(body.batch.items).toMatchObject([{ workspace_id: good }]);
  await endOf(body.batch._id);
  expect(await press({ workspace_ids: [bare], skip_blocked: true })).toMatchObject({
    status: 409,
    body: { error: { code: 'NOTHING_TO_GENERATE' } },
  });
});

test('a click and a press at the same moment make a shot once', async () => {
  for (const wait of [0, 3, 8, 15]) {
    const id = await newWorkspace(socket, picture);
    const clicked = click(server, id);
    const later = new Promise((resolve) => setTimeout(resolve, wait));
    const [{ status, body }] = await Promise.all([later.then(() => press({ workspace_ids: [id] })), clicked]);
    if (status === 202) await endOf(body.batch._id);
    await finalVideo(server, id);
  }
  expect(await doubles.runway.accepted()).toHaveLength(4);
}, 60_000);

test('a press that is repeated while its shots are made is answered with their batch, whatever is blocked', async () => {
  await doubles.runway.set({ ends: 'never' });
  const good = await newWorkspace(socket, picture);
  await newWorkspace(socket, null);
  const first = await press({ skip_blocked: true });
  const [second, third] = await Promise.all([press({ skip_blocked: true }), press({ skip_blocked: true })]);
  for (const { status, body } of [second, third]) {
    expect(status).toBe(202);
    expect(body.batch._id).toBe(first.body.batch._id);
  }
  await server.post('/api/generate/cancel', { batch_id: first.body.batch._id });
  await server.post('/api/generate/cancel', { workspace_id: good });
});

test('a press that was refused starts nothing under the same request_id, even when it could by now', async () => {
  const bare = await newWorkspace(socket, null);
  const request_id = 'refused-press';
  const refused = await press({ request_id });
  expect(refused.body.error.code).toBe('BATCH_BLOCKED');
  await socket.ask({ type: 'workspace.update', workspace_id: bare, updates: { image_path: picture } });
  expect((await press({ request_id })).body).toEqual(refused.body);
  expect(await doubles.runway.accepted()).toHaveLength(0);
});

test('what waits in a batch counts against the limits of the next press', async () => {
  await doubles.runway.set({ ends: 'never' });
  const { film_id } = await load(server, await newWorkspace(socket, picture));
  for (let index = 0; index < 3; index++) await newWorkspace(socket, picture);
  const limit = (spend_limit: object | null) =>
    socket.ask({ type: 'film.update', film_id, updates: { settings: { spend_limit } } });
  const { body: costs } = await server.get(`/api/costs?film_id=${film_id}`);
  const [spent] = costs.film as { micros: number }[];
  await limit({ currency: 'USD', micros: (spent?.micros ?? 0) + usd(1.5).micros });
  const { body } = await press({ skip_blocked: true });
  expect(body.batch.items).toHaveLength(2);
  const { body: dry } = await press({ dry_run: true });
  expect(dry.ready).toEqual([]);
  expect(dry.blocked).toMatchObject([{ code: 'SPEND_LIMIT_REACHED' }, { code: 'SPEND_LIMIT_REACHED' }]);
  await server.post('/api/generate/cancel', { batch_id: body.batch._id });
  await limit(null);
});

test('a cancelled batch leaves what was sent to its end and never touches the rest', async () => {
  await doubles.runway.set({ ends: 'never' });
  const ids: string[] = [];
  for (let index = 0; index < 4; index++) ids.push(await newWorkspace(socket, picture));
  const { body } = await press();
  const id: string = body.batch._id;
  await toldOf(id, ({ items }) => items.filter(({ attempt_id }) => attempt_id !== null).length === 2);
  const waiting = ids[3]!;
  expect((await click(server, waiting)).body.error.code).toBe('VIDEO_IN_PROGRESS');
  const single = await server.post('/api/generate/cancel', { workspace_id: waiting });
  expect(single.body).toMatchObject({ workspace_id: waiting, video: { status: 'idle' } });
  const { body: cancelled } = await server.post('/api/generate/cancel', { batch_id: id });
  expect(cancelled.batch).toMatchObject({ status: 'cancelled', completed_at: null });
  expect(statesOf(cancelled.batch)).toEqual(['generating', 'generating', 'CANCELLED', 'CANCELLED']);
  for (const workspace_id of ids.slice(0, 2)) await server.post('/api/generate/cancel', { workspace_id });
  expect((await endOf(id)).status).toBe('cancelled');
  expect((await load(server, waiting)).video.status).toBe('idle');
  const again = await server.post('/api/generate/cancel', { batch_id: id });
  expect(again.body.batch).toEqual(await newest());
});

test('a single shot that continues one without a clip is refused, and made once that one has it', async () => {
  const first = await newWorkspace(socket, picture);
  const second = await newWorkspace(socket, null, { start: 'previous' });
  expect((await click(server, second)).body.error.code).toBe('PREVIOUS_CLIP_MISSING');
  await click(server, first);
  await finalVideo(server, first);
  await click(server, second);
  expect(await finalVideo(server, second)).toMatchObject({ status: 'completed' });
});
