import { emptyForm, idleVideo, wholeClip } from '../../../src/contract/defaults';
import type { Workspace } from '../../../src/contract/workspace';
import { applyPush, createReplica, loadList, type Replica } from '../../../src/web/sync/replica';

const shot = (id: string, place: number): Workspace => ({
  _id: id,
  film_id: 'f'.repeat(24),
  order_index: place,
  image_path: null,
  image_url: null,
  end_image_path: null,
  end_image_url: null,
  form_data: emptyForm,
  cut: wholeClip,
  video: idleVideo,
  takes: [],
  ai_collaboration: [],
  version: 1,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
});

function replicaOf(...ids: string[]): Replica {
  const replica = createReplica();
  const list = ids.map((id, place) => shot(id, place));
  loadList(replica, list, { isFirst: true });
  return replica;
}

const created = (workspace: Workspace) => ({ type: 'workspace.created', workspace }) as const;

it('puts a shot of its own before the one that it asked for, and needs no list to be certain', () => {
  const replica = replicaOf('a', 'b', 'c');
  expect(applyPush(replica, created(shot('new', 1)), 'b')).toEqual({ id: 'new', isOrderChanged: true, hasGap: false });
  expect(replica.order).toEqual(['a', 'new', 'b', 'c']);
});

it('does so too after a new order, whose places it was not told', () => {
  const replica = replicaOf('a', 'b', 'c');
  applyPush(replica, { type: 'workspace.reordered', workspace_ids: ['c', 'b', 'a'] });
  expect(applyPush(replica, created(shot('new', 2)), 'a').hasGap).toBe(false);
  expect(replica.order).toEqual(['c', 'b', 'new', 'a']);
});

it('puts a shot of its own last where the server did, for one that is gone by then', () => {
  const replica = replicaOf('a', 'b', 'c');
  expect(applyPush(replica, created(shot('new', 3)), 'b').hasGap).toBe(false);
  expect(replica.order).toEqual(['a', 'b', 'c', 'new']);
  expect(applyPush(replica, created(shot('next', 4)), 'gone').hasGap).toBe(false);
  expect(replica.order.at(-1)).toBe('next');
});

it('shows the shot of another window at the place that the server gave it, and asks for the list', () => {
  const replica = replicaOf('a', 'b', 'c');
  expect(applyPush(replica, created(shot('new', 1))).hasGap).toBe(true);
  expect(replica.order).toEqual(['a', 'new', 'b', 'c']);
});
