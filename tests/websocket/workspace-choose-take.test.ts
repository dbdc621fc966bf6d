import { finished, idle, nobody, time } from '../fixtures/workspaces';
import { createStored, find, heard, mark, tab, useServer, type Message } from '../helpers/tabs';

useServer();

const choose = (workspace_id: string, attempt_id: string, more: object = {}) =>
  tab.ask({ type: 'workspace.choose_take', workspace_id, attempt_id, ...more });

test('a choice makes the take the video, puts the finished one in its place, and tells everybody', async () => {
  const _id = await createStored({
    video: finished('v3'),
    takes: [finished('v2'), finished('v1')],
  });
  const [mine, theirs] = [tab.frames.length, await mark()];
  const confirm = await choose(_id, 'v1', { request_id: 'take-1' });
  expect(confirm).toEqual({
    type: 'workspace.sync_confirm',
    request_id: 'take-1',
    workspace_id: _id,
    version: 2,
    updated_at: expect.stringMatching(time),
  });
  const { video, takes, version } = await find(_id);
  expect(video).toMatchObject({ status: 'completed', attempt_id: 'v1' });
  expect(takes.map((take: Message) => take.attempt_id)).toEqual(['v2', 'v3']);
  const told = { type: 'video.status_update', workspace_id: _id, video, takes, version };
  expect(await heard(theirs)).toEqual([told]);
  expect(tab.frames.slice(mine)).toContainEqual(told);

  expect(await choose(_id, 'v1', { request_id: 'take-1' })).toMatchObject({ version: 2 });
  expect((await find(_id)).version).toBe(2);
});

test('a choice replaces a failed and an idle video', async () => {
  const error = { code: 'TASK_FAILED', message: 'It failed.', charged: 'no' };
  for (const video of [idle, { ...idle, status: 'failed', error, attempt_id: 'bad' }]) {
    const _id = await createStored({ video, takes: [finished('good')] });
    expect(await choose(_id, 'good')).toMatchObject({ type: 'workspace.sync_confirm' });
    expect(await find(_id)).toMatchObject({ video: { attempt_id: 'good' }, takes: [] });
  }
});

test('a choice waits for no generation, and knows no other take', async () => {
  const generating = { ...idle, status: 'generating', phase: 'running', attempt_id: 'new' };
  const _id = await createStored({ video: generating, takes: [finished('old')] });
  expect(await choose(_id, 'old')).toMatchObject({ type: 'error', code: 'VIDEO_IN_PROGRESS', workspace_id: _id });
  expect(await find(_id)).toMatchObject({ version: 1, video: { status: 'generating' } });

  const done = await createStored({ video: finished('a'), takes: [] });
  expect(await choose(done, 'nothing')).toMatchObject({ type: 'error', code: 'NOT_FOUND', workspace_id: done });
  expect(await choose(nobody, 'nothing')).toMatchObject({ type: 'error', code: 'WORKSPACE_NOT_FOUND' });
});
