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

const take: Video = {
  ...idleVideo,
  status: 'completed',
  attempt_id: 'good',
  url: '/uploads/videos/good.mp4',
  provider: 'runway',
  form_data: { ...emptyForm, prompt: 'the good one' },
};
const failedVideo = (charged: 'no' | 'yes' | 'maybe', code = 'TASK_FAILED') => ({
  ...idleVideo,
  status: 'failed',
  attempt_id: 'bad',
  error: { code, message: 'It broke; try again.', charged },
});

async function stored(fields: object): Promise<string> {
  const { workspace } = await tab.ask({ type: 'workspace.create' });
  const filter = { _id: new mongoose.Types.ObjectId(workspace._id as string) };
  if (Object.keys(fields).length > 0) await workspaces.updateOne(filter, { $set: fields });
  return workspace._id as string;
}

const dismiss = (id: string, more: object = {}) =>
  tab.ask({ type: 'workspace.dismiss', workspace_id: id, attempt_id: 'bad', ...more });
const find = async (id: string) =>
  (await server.get('/api/workspaces')).body.workspaces.find(({ _id }: { _id: string }) => _id === id);

test('a failure that is put away leaves the last good clip as the video, and both tabs are told', async () => {
  const id = await stored({ video: failedVideo('no'), takes: [take] });
  const since = other.frames.length;
  expect(await dismiss(id)).toMatchObject({ type: 'workspace.sync_confirm', workspace_id: id, version: 2 });
  const told = { workspace_id: id, version: 2, video: { attempt_id: 'good' }, takes: [] };
  expect(await other.next(({ type }) => type === 'video.status_update', since)).toMatchObject(told);
  expect(await find(id)).toMatchObject({ version: 2, video: { attempt_id: 'good', status: 'completed' }, takes: [] });
});

test.each(['no', 'yes'] as const)('a shot without a take is idle again (charged: %s)', async (charged) => {
  const id = await stored({ video: failedVideo(charged) });
  expect(await dismiss(id)).toMatchObject({ type: 'workspace.sync_confirm' });
  expect((await find(id)).video).toEqual(idleVideo);
});

test('the same message again is confirmed and changes nothing', async () => {
  const id = await stored({ video: failedVideo('no'), takes: [take] });
  await dismiss(id, { request_id: 'once' });
  expect(await dismiss(id, { request_id: 'once' })).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
  expect(await find(id)).toMatchObject({ version: 2, video: { attempt_id: 'good' } });
});

const job = { attempt_id: 'bad', provider: 'runway', state: 'timed_out', task_id: 'task', step: 'x' };

test.each([
  ['one that may have been charged', { video: failedVideo('maybe', 'SUBMIT_UNKNOWN') }],
  ['one that is still asked for', { video: failedVideo('no', 'TIMEOUT'), job }],
  ['one whose late clip may still come', { video: failedVideo('no', 'CANCELLED'), superseded: [job] }],
  ['a finished video', { video: { ...take, attempt_id: 'bad' } }],
  ['a video that is being generated', { video: { ...failedVideo('no'), status: 'generating', error: null } }],
  ['a shot without a video', {}],
  ['another attempt', { video: { ...failedVideo('no'), attempt_id: 'newer' } }],
])('%s cannot be put away', async (_, fields) => {
  const id = await stored(fields);
  const before = await find(id);
  expect(await dismiss(id)).toMatchObject({ type: 'error', code: 'INVALID_INPUT', details: [{ path: 'attempt_id' }] });
  expect(await find(id)).toEqual(before);
});

test('an unknown workspace is not found', async () => {
  expect(await dismiss('f'.repeat(24))).toMatchObject({ type: 'error', code: 'WORKSPACE_NOT_FOUND' });
});
