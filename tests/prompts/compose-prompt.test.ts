import fc from 'fast-check';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { composePrompt, promptTooLong } from '../../src/prompts/compose-prompt';

const compose = (form: Partial<FormData>, maxLength = 1000) => composePrompt({ ...emptyForm, ...form }, maxLength);

const full = { prompt: 'The lamp turns', camera_movement: 'pan_left', shot_size: 'close_up', lighting: 'soft' };

describe('composePrompt', () => {
  test('the prompt puts camera, shot and light after the words of the user', () => {
    expect(compose(full)).toBe(
      'The lamp turns, the camera pans left, framed as a close-up of the subject, soft diffused light',
    );
  });

  test('the prompt lets a finished sentence of the user stand', () => {
    expect(compose({ prompt: '灯转动。', camera_movement: 'static' })).toBe('灯转动。 the camera remains static');
  });

  test('the prompt says "an" before a vowel', () => {
    expect(compose({ shot_size: 'extreme_wide' })).toMatch(/^framed as an extreme wide shot/);
  });

  test('the prompt takes free text as it is', () => {
    const form = { camera_movement: 'like a bird', shot_size: '俯拍', lighting: 'a torch in the fog' };
    expect(compose(form)).toBe('like a bird, 俯拍, a torch in the fog');
  });

  test('the prompt is empty for an empty form', () => {
    expect(compose({})).toBe('');
  });

  test('the prompt drops our phrases from the end until the rest fits', () => {
    const whole = compose(full).length;
    expect(compose(full, whole)).toHaveLength(whole);
    expect(compose(full, whole - 1)).toBe('The lamp turns, the camera pans left, framed as a close-up of the subject');
    expect(compose(full, 40)).toBe('The lamp turns, the camera pans left');
    expect(compose(full, 20)).toBe('The lamp turns');
    expect(compose({ ...full, prompt: '' }, 5)).toBe('');
  });

  test('the prompt never cuts the words of the user', () => {
    expect(compose({ ...full, prompt: 'x'.repeat(50) }, 10)).toBe('x'.repeat(50));
  });

  test('the prompt keeps to the limit in UTF-16 units, whatever is written', () => {
    const words = fc.string({ unit: 'grapheme', maxLength: 60 });
    const form = fc.record({ prompt: words, camera_movement: words, shot_size: words, lighting: words });
    fc.assert(
      fc.property(form, fc.integer({ min: 0, max: 200 }), (fields, maxLength) => {
        const prompt = compose(fields, maxLength);
        expect(prompt.startsWith(fields.prompt.trim())).toBe(true);
        expect(prompt.length).toBeLessThanOrEqual(Math.max(maxLength, fields.prompt.trim().length));
      }),
    );
  });
});

describe('promptTooLong', () => {
  test.each([
    ['x'.repeat(10), null],
    ['灯'.repeat(10), null],
    ['😀'.repeat(5), null],
    ['x'.repeat(11), 'must be at most 10 characters'],
    ['😀'.repeat(6), 'must be at most 10 characters, and an emoji or a rare character counts as two'],
    ['𠮷'.repeat(11), 'must be at most 10 characters'],
  ])('the length of a prompt is counted so that no vendor counts more: %s', (prompt, sentence) => {
    expect(promptTooLong(prompt, 10)).toBe(sentence);
  });
});
