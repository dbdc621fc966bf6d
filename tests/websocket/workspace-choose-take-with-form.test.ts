import mongoose from 'mongoose';
import { emptyForm } from '../../src/contract/form';
import { idleVideo, type Video } from '../../src/contract/video';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

let server: TestServer;
let tab: TestSocket;
let other: TestSocket;
let workspaces: mongoose.mongo.Collection;

beforeAll(async () => {
  const MONGODB_URI = freshDatabase();
  server = await startServer({ MONGODB_URI });
  [tab, other] = [await connect(server.wsUrl), await connect(server.wsUrl)];
  workspaces = (await mongoose.connect(MONGODB_URI)).connection.collection('workspaces');
});
afterAll(async () => {
  tab.close();
  other.close();
  await mongoose.disconnect();
  await server.stop();
});

const madeWith = (attempt: string, prompt: string): Video => ({
  ...idleVideo,
  status: 'completed',
  attempt_id: attempt,
  url: `/uploads/videos/${attempt}.mp4`,
  form_data: { ...emptyForm, prompt, seed: 7 },
});

/** A shot whose video was made with one prompt, its take with another, and whose form says a third. */
async function shot(): Promise<string> {
  const { workspace } = await tab.ask({ type: 'workspace.create', data: { form_data: { prompt: 'typed since' } } });
  await workspaces.updateOne(
    { _id: new mongoose.Types.ObjectId(workspace._id as string) },
    { $set: { video: madeWith('new', 'the new one'), takes: [madeWith('old', 'the old one')] } },
  );
  return workspace._id as string;
}

const choose = (id: string, attempt: string, more: object = { with_form: true }) =>
  tab.ask({ type: 'workspace.choose_take', workspace_id: id, attempt_id: attempt, ...more });
const find = async (id: string) =>
  (await server.get('/api/workspaces')).body.workspaces.find(({ _id }: { _id: string }) => _id === id);

test('a take brings its form in the same version, and everybody is told both', async () => {
  const id = await shot();
  const since = other.frames.length;
  const changes = { 'form_data.prompt': 'the old one', 'form_data.seed': 7, 'form_data.camera_movement': '' };
  const answer = await choose(id, 'old');
  expect(answer).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
  expect(answer.changes).toEqual(expect.objectContaining(changes));
  const told = await other.next(({ type }) => type === 'video.status_update', since);
  expect(told).toMatchObject({ version: 2, video: { attempt_id: 'old' }, takes: [{ attempt_id: 'new' }] });
  expect(told.changes).toEqual(answer.changes);
  expect(await find(id)).toMatchObject({
    version: 2,
    form_data: { ...emptyForm, prompt: 'the old one', seed: 7 },
    video: { attempt_id: 'old' },
  });
});

test('without with_form the words of the form stay', async () => {
  const id = await shot();
  const answer = await choose(id, 'old', {});
  expect(answer).not.toHaveProperty('changes');
  expect(await find(id)).toMatchObject({ form_data: { prompt: 'typed since' }, video: { attempt_id: 'old' } });
});

test('the form of the clip that is shown already can be brought back too', async () => {
  const id = await shot();
  expect(await choose(id, 'new')).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
  expect(await find(id)).toMatchObject({ form_data: { prompt: 'the new one' }, takes: [{ attempt_id: 'old' }] });
});

test('the same message again changes nothing that was typed since', async () => {
  const id = await shot();
  await choose(id, 'old', { with_form: true, request_id: 'again' });
  await tab.ask({ type: 'workspace.update', workspace_id: id, updates: { 'form_data.prompt': 'typed later' } });
  expect(await choose(id, 'old', { with_form: true, request_id: 'again' })).toMatchObject({ version: 3 });
  expect(await find(id)).toMatchObject({ version: 3, form_data: { prompt: 'typed later' } });
});

test('an edit that follows is stored on top of the form that came with the take', async () => {
  const id = await shot();
  await choose(id, 'old');
  await tab.ask({ type: 'workspace.update', workspace_id: id, updates: { 'form_data.lighting': 'neon' } });
  expect((await find(id)).form_data).toMatchObject({ prompt: 'the old one', lighting: 'neon' });
});
