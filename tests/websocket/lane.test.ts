import { createLane } from '../../src/websocket/lane';

type Item = { name: string; isLimited: boolean; about: { workspace_id?: string } };

const limited = (name: string, workspace_id?: string): Item => ({ name, isLimited: true, about: { workspace_id } });
const plain = (name: string, workspace_id?: string): Item => ({ name, isLimited: false, about: { workspace_id } });

/** A lane for two limited messages at a time, and the names of those that it has begun. */
function openLane() {
  const begun: string[] = [];
  return { begun, lane: createLane<Item>(2, ({ name }) => void begun.push(name)) };
}

test('limited messages begin as many at a time as the lane allows, in their order', () => {
  const { begun, lane } = openLane();
  const items = ['a', 'b', 'c', 'd'].map((name) => limited(name));
  items.forEach(lane.add);
  expect(begun).toEqual(['a', 'b']);
  expect(lane.remove(items[1]!)).toBe('begun');
  expect(begun).toEqual(['a', 'b', 'c']);
  lane.remove(items[0]!);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('other messages wait for no limited ones, but for one about their own workspace', () => {
  const { begun, lane } = openLane();
  const first = limited('first');
  [first, limited('second'), limited('third', 'shot'), plain('edit of the shot', 'shot')].forEach(lane.add);
  lane.add(plain('edit of another shot', 'other'));
  expect(begun).toEqual(['first', 'second', 'edit of another shot']);
  lane.remove(first);
  expect(begun.slice(3)).toEqual(['third', 'edit of the shot']);
});

test('a message that is answered while it waits never begins, and what waited for it does', () => {
  const { begun, lane } = openLane();
  const third = limited('third', 'shot');
  [limited('first'), limited('second'), third, plain('edit of the shot', 'shot')].forEach(lane.add);
  expect(lane.remove(third)).toBe('waiting');
  expect(begun).toEqual(['first', 'second', 'edit of the shot']);
});

test('a message that is answered as it begins makes room for the next one', () => {
  const begun: string[] = [];
  const lane = createLane<Item>(1, (item) => {
    begun.push(item.name);
    lane.remove(item);
  });
  ['a', 'b', 'c'].forEach((name) => lane.add(limited(name)));
  expect(begun).toEqual(['a', 'b', 'c']);
});
