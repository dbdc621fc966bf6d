import { formatMoney } from '../../../src/web/ui/money';

it.each([
  ['en', 'USD', 420_000, false, '$0.42'],
  ['en', 'CNY', 3_000_000, false, 'CN¥3.00'],
  ['zh', 'CNY', 3_000_000, false, '¥3.00'],
  ['en', 'USD', 1_234_567_000, false, '$1,234.57'],
  ['en', 'USD', 2_100, false, '$0.0021'],
  ['en', 'USD', 0, false, '$0.00'],
  ['en', 'USD', 421_000, false, '$0.42'],
  ['en', 'USD', 421_000, true, '$0.43'],
] as const)(
  'writes in %s an amount of %s, %i millionths, as the most: %s, as %s',
  (language, currency, micros, isMost, words) => {
    expect(formatMoney(language, { currency, micros }, isMost)).toBe(words);
  },
);
