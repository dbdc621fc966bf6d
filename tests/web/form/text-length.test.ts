import { fitText } from '../../../src/web/form/text-length';

describe('a text that is typed or pasted', () => {
  test.each([
    ['whole where the form takes it', '😀'.repeat(5), 10, '😀'.repeat(5)],
    ['without the end of what was inserted', `ab${'😀'.repeat(5)}yz`, 12, `ab${'😀'.repeat(3)}yz`],
    ['without half of an emoji', `a${'😀'.repeat(5)}`, 11, `a${'😀'.repeat(4)}`],
    ['without more than was before the caret', 'x'.repeat(12), 1, 'x'.repeat(11)],
  ])('a text that is typed or pasted is kept %s', (_how, text, caret, kept) => {
    expect(fitText(text, caret, 10)).toBe(kept);
  });
});
