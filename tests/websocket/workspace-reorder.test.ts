import { nobody } from '../fixtures/workspaces';
import { create, heard, list, mark, order, other, tab, useServer } from '../helpers/tabs';

useServer();
beforeAll(async () => {
  for (let index = 0; index < 3; index++) await create();
});

test('a reorder stores the order and tells the sender and the others the whole of it', async () => {
  await create();
  await create();
  const wanted = (await order()).reverse();
  const since = await mark();
  const answer = await tab.ask({ type: 'workspace.reorder', workspace_ids: wanted, request_id: 'order-1' });
  expect(answer).toEqual({ type: 'workspace.reorder_confirm', request_id: 'order-1', workspace_ids: wanted });
  expect(await heard(since)).toContainEqual({ type: 'workspace.reordered', workspace_ids: wanted });
  expect(await order()).toEqual(wanted);
});

test('a reorder ignores strings that are no known id, counts the first of a repeated one, and lets the missing follow', async () => {
  const before = await order();
  const last = before.at(-1)!;
  const first = before[0]!;
  const named = ['', 'x', nobody, last, last.toUpperCase() + 'Z', first, last, '$ne', '__proto__'];
  const { workspace_ids } = await tab.ask({ type: 'workspace.reorder', workspace_ids: named });
  expect(workspace_ids).toEqual([last, first, ...before.slice(1, -1)]);
  expect(await order()).toEqual(workspace_ids);
});

test('a reorder of no names keeps the order', async () => {
  const before = await order();
  expect(await tab.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: before });
});

test.each<[string, unknown]>([
  ['a number', [1]],
  ['null', [null]],
  ['an object', [{ $ne: null }]],
  ['a list', [['a']]],
  ['a string instead of the list', 'abc'],
  ['nothing', undefined],
])('a reorder refuses %s', async (_name, workspace_ids) => {
  const before = await order();
  expect(await tab.ask({ type: 'workspace.reorder', workspace_ids })).toMatchObject({
    type: 'error',
    code: 'INVALID_INPUT',
  });
  expect(await order()).toEqual(before);
});

test('a reorder under one request_id is applied once', async () => {
  const before = await order();
  const message = { type: 'workspace.reorder', workspace_ids: before.toReversed(), request_id: 'order-once' };
  await tab.ask(message);
  await tab.ask({ type: 'workspace.reorder', workspace_ids: before });
  expect(await tab.ask(message)).toMatchObject({ type: 'workspace.reorder_confirm', request_id: 'order-once' });
  expect(await order()).toEqual(before);
});

test('a reorder among creates and deletes at once leaves every live workspace once, and all tabs agree', async () => {
  const doomed = (await create())._id;
  const ids = await order();
  await Promise.all([
    tab.ask({ type: 'workspace.reorder', workspace_ids: ids.toReversed() }),
    other.ask({ type: 'workspace.create' }),
    other.ask({ type: 'workspace.reorder', workspace_ids: ids }),
    tab.ask({ type: 'workspace.delete', workspace_id: doomed }),
    other.ask({ type: 'workspace.create' }),
    tab.ask({ type: 'workspace.reorder', workspace_ids: ids.slice(2) }),
  ]);
  const after = await order();
  expect(new Set(after).size).toBe(after.length);
  expect(after).toHaveLength(ids.length + 1);
  expect(after).not.toContain(doomed);
  const indices = (await list()).map(({ order_index }) => order_index);
  expect(new Set(indices).size).toBe(indices.length);
  expect(await other.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: after });
});
