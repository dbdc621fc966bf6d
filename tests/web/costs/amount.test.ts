import { amountWords, parseAmount } from '../../../src/web/costs/amount';

it.each([
  ['20', 20_000_000],
  [' 0.42 ', 420_000],
  ['0.042', 42_000],
  ['1,5', 1_500_000],
  ['1,50', 1_500_000],
  ['.5', 500_000],
  ['0.', 0],
  ['1,000', 1_000_000_000],
  ['1,000.50', 1_000_500_000],
  ['1,234,567', 1_234_567_000_000],
  ['$10', 10_000_000],
  ['US$ 10', 10_000_000],
  ['10 USD', 10_000_000],
  ['usd 1,000.50', 1_000_500_000],
  ['10美元', 10_000_000],
  ['１０．５', 10_500_000],
  ['＄１，０００', 1_000_000_000],
  ['１０。５', 10_500_000],
])('reads "%s" as an amount of dollars', (typed, micros) => {
  expect(parseAmount(typed, 'USD', 'en-US')).toBe(micros);
  expect(parseAmount(typed, 'USD', 'zh-CN')).toBe(micros);
});

it.each(['¥10', 'CN¥ 10', '10 CNY', '10元', 'RMB 10', '￥１０', '10人民币'])('reads "%s" as ten yuan', (typed) => {
  expect(parseAmount(typed, 'CNY', 'zh-CN')).toBe(10_000_000);
});

it('reads an empty field as no amount', () => {
  expect(parseAmount('', 'USD', 'en')).toBeNull();
  expect(parseAmount(' \u3000', 'USD', 'en')).toBeNull();
});

it.each([
  '-3',
  '-1',
  '$-3',
  '1e3',
  'five',
  'abc',
  '$',
  '.',
  ',',
  '1,00,0',
  '1,0000',
  '1.000,50',
  '1 000',
  '10 20',
  '1,,5',
  '$$10',
])('reads no amount in "%s"', (typed) => {
  expect(parseAmount(typed, 'USD', 'en-US')).toBeUndefined();
});

it.each(['1234567890', '0.1234567'])('reads no amount in "%s", which no limit can be', (typed) => {
  expect(parseAmount(typed, 'USD', 'en')).toBeUndefined();
});

it('reads no amount with the sign of another currency', () => {
  expect(parseAmount('¥10', 'USD', 'en')).toBeUndefined();
  expect(parseAmount('10 USD', 'CNY', 'zh-CN')).toBeUndefined();
});

it('takes the sign of any currency where that of the amount is not known', () => {
  expect(['$10', '10元'].map((typed) => parseAmount(typed, null, 'en'))).toEqual([10_000_000, 10_000_000]);
});

it('reads the separators of the country, and the plain ones beside them', () => {
  const read = (typed: string, locale: string) => parseAmount(typed, 'USD', locale);
  expect(read('1.000', 'en-DE')).toBe(1_000_000_000);
  expect(read('1.000,50', 'en-DE')).toBe(1_000_500_000);
  expect(read('0,042', 'en-DE')).toBe(42_000);
  expect(read('1.5', 'en-DE')).toBe(1_500_000);
  expect(read('1 000,50', 'en-ZA')).toBe(1_000_500_000);
  expect(read("1'000.50", 'en-CH')).toBe(1_000_500_000);
  expect(read('1,00,000', 'en-IN')).toBe(100_000_000_000);
});

it('reads no amount in what is a thousand here and one there', () => {
  expect(parseAmount('1,000', 'USD', 'en-DE')).toBeUndefined();
});

it('shows a stored amount so that it is read as the same', () => {
  for (const locale of ['en-US', 'en-DE', 'zh-CN']) {
    expect(parseAmount(amountWords(1_234_500_000, locale), 'USD', locale)).toBe(1_234_500_000);
  }
  expect(amountWords(20_000_000, 'en')).toBe('20');
});
