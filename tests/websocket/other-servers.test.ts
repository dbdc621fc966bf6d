import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { click, newWorkspace, nextVideo, uploadPicture } from '../helpers/generating';
import { image } from '../fixtures/workspaces';
import { openRig } from '../chaos/rig';

type Frame = { type: string; workspace_id?: string; version?: number };

let one: TestServer;
let other: TestServer;
let here: TestSocket;
let there: TestSocket;

beforeAll(async () => {
  one = await startServer({ MONGODB_URI: freshDatabase() });
  here = await connect(one.wsUrl);
  const { MONGODB_URI, UPLOAD_DIR } = one.env;
  other = await startServer({ MONGODB_URI: MONGODB_URI!, UPLOAD_DIR: UPLOAD_DIR! });
  there = await connect(other.wsUrl);
}, 60_000);

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

afterAll(async () => {
  [here, there].forEach(({ close }) => close());
  await Promise.all([one.stop(), other.stop()]);
});

/** Sends by one server, and returns what the socket of the other hears of it, with how long that took. */
async function hear(sender: TestSocket, listener: TestSocket, message: Record<string, unknown>, type: string) {
  const since = listener.frames.length;
  const answer = await sender.ask(message);
  const sentMs = performance.now();
  const heard = await listener.next((frame: Frame) => frame.type === type, since);
  return { answer, heard, ms: performance.now() - sentMs };
}

test.each([
  ['the first', () => [here, there] as const],
  ['the second', () => [there, here] as const],
])('what is stored through %s server is told to the sockets of the other within a second', async (_, tabs) => {
  const [sender, listener] = tabs();
  const created = await hear(sender, listener, { type: 'workspace.create' }, 'workspace.created');
  expect(created.heard).toEqual({ type: 'workspace.created', workspace: created.answer.workspace });
  const id = created.answer.workspace._id as string;

  const edit = {
    type: 'workspace.update',
    workspace_id: id,
    updates: { 'form_data.prompt': 'rain', image_path: null, end_image_path: image },
  };
  const edited = await hear(sender, listener, edit, 'workspace.updated');
  expect(edited.heard).toMatchObject({
    workspace_id: id,
    version: 2,
    changes: { 'form_data.prompt': 'rain', end_image_path: image, end_image_url: `/${image}` },
  });

  const second = await hear(sender, listener, { type: 'workspace.create' }, 'workspace.created');
  const order = [second.answer.workspace._id as string, id];
  const moved = await hear(
    sender,
    listener,
    { type: 'workspace.reorder', workspace_ids: order },
    'workspace.reordered',
  );
  expect(moved.heard.workspace_ids.slice(0, 2)).toEqual(order);

  const about = { workspace_id: id };
  const deleted = await hear(sender, listener, { type: 'workspace.delete', ...about }, 'workspace.deleted');
  expect(deleted.heard).toEqual({ type: 'workspace.deleted', workspace_id: id });
  const restored = await hear(sender, listener, { type: 'workspace.restore', ...about }, 'workspace.created');
  expect(restored.heard.workspace).toEqual(restored.answer.workspace);
  for (const { ms } of [created, edited, moved, deleted, restored]) expect(ms).toBeLessThan(1000);
});

test('a batch is told to the sockets of both servers, whichever was asked, and its end is what both list', async () => {
  const id = await newWorkspace(here, await uploadPicture(one), { duration_s: 2 });
  const { body } = await other.post('/api/generate/batch', { workspace_ids: [id] });
  const { _id } = body.batch;
  const ends = [here, there].map((tab) =>
    tab.next(({ type, batch }) => type === 'batch.status_update' && batch._id === _id && batch.completed_at !== null),
  );
  const [first, second] = await Promise.all(ends);
  expect(first).toEqual(second);
  expect(first!.batch).toMatchObject({ status: 'completed', items: [{ workspace_id: id, state: 'completed' }] });
  for (const server of [one, other]) expect((await server.get('/api/batches')).body.batches[0]).toEqual(first!.batch);
}, 60_000);

test('each change is told once and without a gap, however fast they come', async () => {
  const { workspace } = (await hear(here, there, { type: 'workspace.create' }, 'workspace.created')).answer;
  const id = workspace._id as string;
  const edits = Array.from({ length: 40 }, (_, index) => ({
    type: 'workspace.update',
    workspace_id: id,
    updates: { 'form_data.prompt': `edit ${index}` },
  }));
  const answers = await Promise.all(edits.map((edit, index) => (index % 2 ? here : there).ask(edit)));
  expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['workspace.sync_confirm']));
  const versionsOf = ({ frames }: TestSocket) =>
    frames
      .filter((frame: Frame) => frame.workspace_id === id && frame.version !== undefined)
      .map(({ version }: Frame) => version!);
  for (const tab of [here, there]) await tab.next((frame: Frame) => versionsOf(tab).length >= 40 && Boolean(frame));
  for (const tab of [here, there]) expect(versionsOf(tab).sort((a, b) => a - b)).toEqual(versionsFrom(2, 41));
});

test.each([
  ['deletes its workspace', 'workspace.deleted'],
  ['cancels it', 'video.status_update'],
])(
  'a create that has not left stays here when the user of another server %s',
  async (_, told) => {
    const rig = await openRig('kling');
    cleanUps.push(rig.close);
    const { MONGODB_URI, UPLOAD_DIR } = rig.server().env;
    const second = await startServer({ MONGODB_URI: MONGODB_URI!, UPLOAD_DIR: UPLOAD_DIR! });
    cleanUps.push(second.stop);
    const user = await connect(second.wsUrl);
    cleanUps.push(user.close);
    const shot = await rig.newShot();
    const lastLook = rig.proxy.rule({
      matches: ({ find, filter }) => Boolean(find) && filter['job.cancelled_at'] === null,
      act: 'hold',
    });
    const click = shot.click();
    await lastLook.met();

    const since = rig.socket().frames.length;
    if (told === 'workspace.deleted')
      await user.ask({ type: told.replace('deleted', 'delete'), workspace_id: shot.id });
    else await second.post('/api/generate/cancel', { workspace_id: shot.id });
    await rig.socket().next(({ type }: Frame) => type === told, since);
    lastLook.lift();
    await click;

    expect(await rig.double.accepted()).toEqual([]);
  },
  60_000,
);

test('the render of a server that is killed is made again by the other one', async () => {
  const { MONGODB_URI, UPLOAD_DIR } = other.env;
  const doomed = await startServer({ MONGODB_URI: MONGODB_URI!, UPLOAD_DIR: UPLOAD_DIR! });
  cleanUps.push(doomed.kill);
  const id = await newWorkspace(there, await uploadPicture(doomed), { duration_s: 15 });
  await click(doomed, id);
  await nextVideo(there, id, ({ phase }) => phase === 'running');
  await doomed.kill();
  expect(await nextVideo(there, id)).toMatchObject({ status: 'completed', error: null });
}, 60_000);

const versionsFrom = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
