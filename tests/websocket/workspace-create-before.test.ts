import { nobody } from '../fixtures/workspaces';
import { list, order, other, tab, useServer } from '../helpers/tabs';

useServer();

// So that each test sees its own alone.
afterEach(async () => {
  for (const id of await order()) await tab.ask({ type: 'workspace.delete', workspace_id: id });
});

async function create(more: object = {}): Promise<string> {
  const answer = await tab.ask({ type: 'workspace.create', ...more });
  expect(answer).toMatchObject({ type: 'workspace.created' });
  return answer.workspace._id as string;
}

const isOrder = ({ type }: { type: string }) => type === 'workspace.reordered';

test('a workspace is created before another one, and both tabs hear the order', async () => {
  const [first, last] = [await create(), await create()];
  await other.next(({ workspace }) => workspace?._id === last);
  const [mine, others] = [tab.frames.length, other.frames.length];
  const between = await create({ before_id: last });
  expect((await list()).map(({ _id, order_index: place }) => [_id, place])).toEqual([
    [first, 0],
    [between, 1],
    [last, 2],
  ]);
  const told = { type: 'workspace.reordered', workspace_ids: [first, between, last] };
  expect(await tab.next(isOrder, mine)).toEqual(told);
  expect(await other.next(isOrder, others)).toEqual(told);
  expect(other.frames.slice(others).map(({ type }) => type)).toEqual(['workspace.created', 'workspace.reordered']);
});

test('the answer has the place that is stored', async () => {
  const first = await create();
  const { workspace } = await tab.ask({ type: 'workspace.create', before_id: first });
  const [stored, second] = await list();
  expect(workspace).toEqual(stored);
  expect(second!._id).toBe(first);
  expect(workspace.order_index).toBeLessThan(second!.order_index);
});

test('several at once stand before the same one in the order in which they were sent', async () => {
  const last = await create();
  const ids = await Promise.all(['a', 'b', 'c'].map(() => create({ before_id: last })));
  expect(await order()).toEqual([...ids, last]);
});

test('before one that is unknown or deleted means at the end', async () => {
  const [first, gone] = [await create(), await create()];
  await tab.ask({ type: 'workspace.delete', workspace_id: gone });
  const ids = [await create({ before_id: gone }), await create({ before_id: nobody })];
  expect(await order()).toEqual([first, ...ids]);
});

test('what is in the trash keeps its place while others come before it', async () => {
  const [first, gone, last] = [await create(), await create(), await create()];
  await tab.ask({ type: 'workspace.delete', workspace_id: gone });
  const between = await create({ before_id: last });
  await tab.ask({ type: 'workspace.restore', workspace_id: gone });
  const ids = await order();
  expect(ids.filter((id) => id !== gone)).toEqual([first, between, last]);
  expect(ids).toContain(gone);
});

test('the same message again is answered with the stored one, which stays where it is', async () => {
  const [first, last] = [await create(), await create()];
  const message = { type: 'workspace.create', before_id: last, request_id: 'once' };
  const { workspace } = await tab.ask(message);
  await tab.ask({ type: 'workspace.reorder', workspace_ids: [workspace._id, first, last] });
  expect(await tab.ask(message)).toMatchObject({ workspace: { _id: workspace._id } });
  expect(await order()).toEqual([workspace._id, first, last]);
});
