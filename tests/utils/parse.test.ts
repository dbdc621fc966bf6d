import { z } from 'zod';
import { parseInput, parseReply } from '../../src/utils/parse';

const shape = z.strictObject({ name: z.string().max(3), form: z.strictObject({ seed: z.int() }) });

test('what a client sent wrongly is INVALID_INPUT and names the path of each fault', () => {
  const wrong = { name: 'long', form: { seed: 0.5, extra: 1 } };
  expect(() => parseInput(shape, wrong, 'body')).toThrow(
    expect.objectContaining({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/^The body is not valid: "name" .+\.$/),
      details: expect.arrayContaining([
        { path: 'name', message: expect.any(String), rule: 'too_long', limit: 3 },
        { path: 'form.seed', message: expect.any(String), rule: 'wrong_type' },
        { path: 'form.extra', message: 'is not a known field', rule: 'unknown_key' },
      ]),
    }),
  );
});

test('what a provider answered wrongly is PROVIDER_BAD_REPLY and names the provider', () => {
  expect(() => parseReply(shape, { name: 1 }, 'Runway')).toThrow(
    expect.objectContaining({ code: 'PROVIDER_BAD_REPLY', message: expect.stringMatching(/^Runway returned /) }),
  );
});

test('a reply may have more fields than its shape where the shape is loose', () => {
  expect(parseReply(z.object({ id: z.string() }), { id: 'a', new_field: 1 }, 'Runway')).toEqual({ id: 'a' });
});
