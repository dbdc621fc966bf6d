import { finished, idle, nobody } from '../fixtures/workspaces';
import { createStored, find, other, tab, useServer } from '../helpers/tabs';

useServer();

const take = finished('good');
const failedVideo = (charged: 'no' | 'yes' | 'maybe', code = 'TASK_FAILED') => ({
  ...idle,
  status: 'failed',
  attempt_id: 'bad',
  error: { code, message: 'It broke; try again.', charged },
});

const dismiss = (id: string, more: object = {}) =>
  tab.ask({ type: 'workspace.dismiss', workspace_id: id, attempt_id: 'bad', ...more });
test('a failure that is put away leaves the last good clip as the video, and both tabs are told', async () => {
  const id = await createStored({ video: failedVideo('no'), takes: [take] });
  const since = other.frames.length;
  expect(await dismiss(id)).toMatchObject({ type: 'workspace.sync_confirm', workspace_id: id, version: 2 });
  const told = { workspace_id: id, version: 2, video: { attempt_id: 'good' }, takes: [] };
  expect(await other.next(({ type }) => type === 'video.status_update', since)).toMatchObject(told);
  expect(await find(id)).toMatchObject({ version: 2, video: { attempt_id: 'good', status: 'completed' }, takes: [] });
});

test.each(['no', 'yes'] as const)('a shot without a take is idle again (charged: %s)', async (charged) => {
  const id = await createStored({ video: failedVideo(charged) });
  expect(await dismiss(id)).toMatchObject({ type: 'workspace.sync_confirm' });
  expect((await find(id)).video).toEqual(idle);
});

test('the same message again is confirmed and changes nothing', async () => {
  const id = await createStored({ video: failedVideo('no'), takes: [take] });
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
  ['a shot without a video', { video: idle }],
  ['another attempt', { video: { ...failedVideo('no'), attempt_id: 'newer' } }],
])('%s cannot be put away', async (_, fields) => {
  const id = await createStored(fields);
  const before = await find(id);
  expect(await dismiss(id)).toMatchObject({ type: 'error', code: 'INVALID_INPUT', details: [{ path: 'attempt_id' }] });
  expect(await find(id)).toEqual(before);
});

test('an unknown workspace is not found', async () => {
  expect(await dismiss(nobody)).toMatchObject({ type: 'error', code: 'WORKSPACE_NOT_FOUND' });
});
