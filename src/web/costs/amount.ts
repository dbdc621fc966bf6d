import type { Money } from '../../contract/money';

export const currencies: readonly Money['currency'][] = ['USD', 'CNY'];

const microsPerUnit = 1_000_000;
const signs: Record<Money['currency'], string> = {
  USD: 'US\\$|\\$|USD|美元',
  CNY: 'CN¥|¥|CNY|RMB|元|人民币',
};
const plainThousands = /^[1-9]\d{0,2}(,\d{3})+(\.\d{0,6})?$/;
const plainDecimals = /^\d*[.,](\d{1,2})?$/;

/**
 * The millionths of an amount as it is typed: with or without the signs of its currency, with the separators of the locale or the plain
 * ones (1,000.50 and 1,5). Null for an empty field; undefined for anything else, and for what could be two amounts.
 */
export function parseAmount(
  typed: string,
  currency: Money['currency'] | null,
  locale: string,
): number | null | undefined {
  const words = plain(typed);
  if (words === '') return null;
  const number = withoutSigns(words, currency);
  if (!/\d/.test(number)) return undefined;
  const readings = new Set([readLocale(number, locale), readPlain(number)].filter((one) => one !== undefined));
  return readings.size === 1 ? [...readings][0] : undefined;
}

/** What an input method writes wide, and the separators that look alike, in one form. */
const plain = (words: string): string => words.normalize('NFKC').replaceAll('。', '.').replaceAll('’', "'").trim();

function withoutSigns(words: string, currency: Money['currency'] | null): string {
  const own = `(?:${currency ? signs[currency] : Object.values(signs).join('|')})`;
  const before = new RegExp(`^${own}\\s*(?=[\\d.,])`, 'i');
  const after = new RegExp(`(?<=[\\d.,])\\s*${own}$`, 'i');
  return words.replace(before, '').replace(after, '');
}

function readLocale(number: string, locale: string): number | undefined {
  const format = new Intl.NumberFormat(locale, { useGrouping: 'always', numberingSystem: 'latn' });
  const decimalSign = format.formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.';
  const [whole = '', decimals = '', ...more] = number.split(decimalSign);
  const digits = whole.replace(/\D/g, '');
  const isGrouped = whole === digits || whole === plain(format.format(Number(digits)));
  return isGrouped && more.length === 0 ? toMicros(digits, decimals) : undefined;
}

function readPlain(number: string): number | undefined {
  if (plainThousands.test(number)) return toMicros(...halves(number.replaceAll(',', ''), '.'));
  if (plainDecimals.test(number)) return toMicros(...halves(number, /[.,]/));
  return undefined;
}

function halves(number: string, sign: string | RegExp): [string, string] {
  const [whole = '', decimals = ''] = number.split(sign);
  return [whole, decimals];
}

function toMicros(whole: string, decimals: string): number | undefined {
  if (!/^\d{0,9}$/.test(whole) || !/^\d{0,6}$/.test(decimals)) return undefined;
  return Math.round(Number(`${whole || 0}.${decimals || 0}`) * microsPerUnit);
}

/** An amount as a field shows it to be changed: digits and the decimal sign of the locale, no more. */
export const amountWords = (micros: number, locale: string): string =>
  new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 6, numberingSystem: 'latn' }).format(
    micros / microsPerUnit,
  );
