import { promptMaxCharacters } from '../../src/contract/form';
import { promptLength } from '../../src/prompts/compose-prompt';
import { promptMax } from '../../src/web/defaults';
import { countText, fitText } from '../../src/web/text-length';

describe('the counter of a text', () => {
  test.each([
    ['nothing', '', 1000, { count: 0, limit: 1000 }],
    ['words, for a provider that takes less than the form', 'x'.repeat(400), 1000, { count: 400, limit: 1000 }],
    ['words, for one that takes more', 'x'.repeat(400), 2500, { count: 400, limit: 2000 }],
    ['emoji, for one that takes less', '😀'.repeat(400), 1000, { count: 800, limit: 1000 }],
    ['emoji, of which that provider takes fewer', '😀'.repeat(1500), 2500, { count: 3000, limit: 2500 }],
    ['rare characters, for one that reads no prompt', '𠮷'.repeat(1500), 4000, { count: 1500, limit: 2000 }],
  ])('the counter of a text shows the nearer limit: %s', (_what, text, providerMax, expected) => {
    expect(countText(text, promptMax, providerMax)).toEqual(expected);
  });

  test('the counter of a text counts as the server does', () => {
    expect(promptMax).toBe(promptMaxCharacters);
    expect(countText('a😀', 9, 3).count).toBe(promptLength('a😀'));
  });
});

describe('a text that is typed or pasted', () => {
  test.each([
    ['whole where the form takes it', '😀'.repeat(10), 20, '😀'.repeat(10)],
    ['without the end of what was inserted', `ab${'😀'.repeat(10)}yz`, 22, `ab${'😀'.repeat(6)}yz`],
    ['without more than was before the caret', `${'x'.repeat(12)}`, 1, 'x'.repeat(11)],
  ])('a text that is typed or pasted is kept %s', (_how, text, caret, kept) => {
    expect(fitText(text, caret, 10)).toBe(kept);
  });
});
