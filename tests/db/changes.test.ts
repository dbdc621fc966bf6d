import { toChanges } from '../../src/db/changes';

test('a nested and a dotted field become the same change', () => {
  expect(toChanges({ form_data: { prompt: 'rain' } })).toEqual({ 'form_data.prompt': 'rain' });
  expect(toChanges({ 'form_data.prompt': 'rain' })).toEqual({ 'form_data.prompt': 'rain' });
});

test('a field that is named twice is refused with its path', () => {
  expect(() => toChanges({ form_data: { seed: 1 }, 'form_data.seed': 2 })).toThrow(
    expect.objectContaining({
      code: 'INVALID_INPUT',
      details: [{ path: 'updates.form_data.seed', message: 'is named twice', rule: 'wrong_form' }],
    }),
  );
});

test('the path and the address of an image follow each other, and null takes both away', () => {
  const image = { image_path: 'uploads/images/a.png', image_url: '/uploads/images/a.png' };
  expect(toChanges({ image_path: image.image_path })).toEqual(image);
  expect(toChanges({ image_url: image.image_url })).toEqual(image);
  expect(toChanges(image)).toEqual(image);
  expect(toChanges({ image_path: null })).toEqual({ image_path: null, image_url: null });
});
