import { z } from 'zod';
import { userMessage } from '../../src/contract/conversation';
import { updates } from '../../src/contract/workspace';
import { type AppError } from '../../src/utils/errors';
import { parseInput } from '../../src/utils/parse';

function detailsOf(shape: z.ZodType, input: unknown) {
  try {
    parseInput(shape, input, 'body');
  } catch (error) {
    return (error as AppError).body.details!.map(({ message, ...rest }) => rest);
  }
  throw new Error('nothing was refused');
}

const form = (fields: object) => ({ form_data: fields });

test.each([
  ['a prompt that is too long', form({ prompt: 'x'.repeat(2001) }), 'form_data.prompt', 'too_long', 2000],
  ['a length that no provider has', form({ duration_s: 60 }), 'form_data.duration_s', 'out_of_range', 15],
  ['a length below the least', form({ duration_s: 1 }), 'form_data.duration_s', 'out_of_range', 2],
  ['an unknown ratio', form({ aspect_ratio: '2:1' }), 'form_data.aspect_ratio', 'not_offered', undefined],
  ['a number as words', form({ seed: 'seven' }), 'form_data.seed', 'wrong_type', undefined],
  ['an unknown field', form({ colour: 'red' }), 'form_data.colour', 'unknown_key', undefined],
  ['a picture elsewhere', { image_path: 'http://elsewhere' }, 'image_path', 'wrong_form', undefined],
  ['half of a character', form({ prompt: '\ud800' }), 'form_data.prompt', 'wrong_form', undefined],
])('%s is named by its rule, with the limit where there is one', (_, input, path, rule, limit) => {
  expect(detailsOf(updates, input)).toEqual([{ path, rule, ...(limit !== undefined && { limit }) }]);
});

test('what is missing is required, and an empty text too short', () => {
  const shape = z.strictObject({ workspace_id: z.string(), kind: z.enum(['a', 'b']), message: userMessage });
  expect(detailsOf(shape, { message: '' })).toEqual([
    { path: 'workspace_id', rule: 'required' },
    { path: 'kind', rule: 'required' },
    { path: 'message', rule: 'too_short', limit: 1 },
  ]);
});
