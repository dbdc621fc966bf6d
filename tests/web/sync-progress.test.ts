import { emptyForm, idleVideo, type Video, type Workspace } from '../../src/contract';
import { applyPush, createReplica, loadList } from '../../src/web/sync-replica';

const id = 'a'.repeat(24);
const running: Video = { ...idleVideo, status: 'generating', phase: 'running', progress: 0.2, attempt_id: 'mine' };
const update = (version: number, video: Partial<Video>) =>
  ({ type: 'video.status_update', workspace_id: id, version, video: { ...running, ...video } }) as const;

function shown() {
  const replica = createReplica();
  const workspace = { _id: id, order_index: 0, form_data: emptyForm, video: running, takes: [], version: 7 };
  loadList(replica, [workspace as unknown as Workspace]);
  return replica;
}

test('progress that is told between two versions is shown, and is no step of its own', () => {
  const replica = shown();
  expect(applyPush(replica, update(7, { progress: 0.5 }))).toEqual({ id });
  expect(replica.byId.get(id)).toMatchObject({ version: 7, video: { progress: 0.5 } });
  expect(applyPush(replica, update(8, { status: 'completed', phase: null, progress: null }))).toMatchObject({
    hasGap: false,
  });
  expect(replica.byId.get(id)).toMatchObject({ version: 8, video: { status: 'completed' } });
});

test.each<[string, number, Partial<Video>]>([
  ['less than is shown', 7, { progress: 0.1 }],
  ['of another attempt', 7, { progress: 0.9, attempt_id: 'other' }],
  ['of another phase', 6, { progress: 0.9, phase: 'queued' }],
  ['of a video that has failed meanwhile', 7, { progress: 0.9, status: 'failed' }],
])('progress %s changes nothing', (_, version, video) => {
  const replica = shown();
  expect(applyPush(replica, update(version, video))).toEqual({});
  expect(replica.byId.get(id)!.video).toEqual(running);
});
