import { BoundedMap } from '../../src/utils/bounded-map';

test('a map that is full forgets its oldest entry and keeps the newest', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('c', 3);
  expect([...map]).toEqual([
    ['b', 2],
    ['c', 3],
  ]);
});

test('a new value for a known key pushes nothing out', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('a', 3);
  expect([...map.keys()].sort()).toEqual(['a', 'b']);
  expect(map.get('a')).toBe(3);
});
