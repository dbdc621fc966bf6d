import { cameraMovements, lightings } from '../../src/prompts/vocabulary';
import { filterGraph } from '../../src/services/animatic';
import { moves } from '../../src/services/animatic-camera';
import { grades } from '../../src/services/animatic-light';

const request = { camera_movement: 'static', lighting: '', duration_s: 1, aspect_ratio: '16:9' } as const;
const graphOf = (fields: object, hasEnd = false) => filterGraph({ ...request, ...fields }, hasEnd);

/** A flat still has no depth to focus in; a dolly zoom is a corridor, and no move of the camera. */
const withoutMove = ['rack_focus', 'dolly_zoom'];

test('every camera movement of the form has a move of its own, but those that a still cannot show', () => {
  const ids = cameraMovements.map(({ id }) => id);
  expect(ids.filter((id) => !Object.hasOwn(moves, id)).sort()).toEqual([...withoutMove].sort());
  expect(Object.keys(moves).filter((id) => !ids.includes(id))).toEqual([]);
});

test('every light of the form has a grade of its own', () => {
  expect(Object.keys(grades).sort()).toEqual(lightings.map(({ id }) => id).sort());
});

test('free text is shown as a push in, in the light of the picture', () => {
  expect(graphOf({ camera_movement: 'fly through the window' })).toBe(graphOf({ camera_movement: 'push_in' }));
  expect(graphOf({ lighting: 'two candles' })).toBe(graphOf({}));
  expect(graphOf({ lighting: 'constructor', camera_movement: 'toString' })).toBe(
    graphOf({ camera_movement: 'push_in' }),
  );
});

test('a static camera and a push in differ', () => {
  expect(graphOf({ camera_movement: 'push_in' })).not.toBe(graphOf({}));
});

test('a video that ends on a picture moves as it does without one, until it dissolves', () => {
  expect(graphOf({}, true).startsWith(graphOf({}).replace('[video]', '[move]'))).toBe(true);
});
