import { useMemo } from 'react';
import type { Cost, Money } from '../../contract/money';
import { useText, type Translate } from '../i18n';
import type { Language } from '../i18n/texts';
import { useStore } from '../state/store';

const microsPerUnit = 1_000_000;
/** Below it, two digits would show nothing. */
const smallMicros = 10_000;

/** An amount as the user's country writes it, in the language of the page. */
export function formatMoney(language: Language, { currency, micros }: Money, isUpperBound = false): string {
  const isSmall = micros > 0 && micros < smallMicros;
  const format = new Intl.NumberFormat(localeOf(language), {
    style: 'currency',
    currency,
    ...(isSmall && { maximumSignificantDigits: 2 }),
    // The most that something costs must not be shown as less.
    roundingMode: isUpperBound ? 'ceil' : 'halfExpand',
  });
  return format.format(micros / microsPerUnit);
}

/** How the user's country writes the language of the page. */
export function localeOf(language: Language): string {
  const ofUser = typeof navigator === 'undefined' ? undefined : navigator.language;
  if (ofUser?.toLowerCase().startsWith(language)) return ofUser;
  return language === 'zh' ? 'zh-CN' : 'en';
}

/** The day of a price; Chinese reads the ISO date as it is. */
export function dateWords(language: Language, date: string): string {
  if (language === 'zh') return date;
  return new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(date));
}

/** Amounts in words: several of them, or one with how exactly it is known. */
export function moneyWords(text: Translate, language: Language) {
  const money = (amount: Money) => formatMoney(language, amount);
  const sum = (amounts: readonly Money[]) => amounts.map(money).join(text('money.and'));
  const about = (amount: Money) => text('money.about', { money: money(amount) });
  const cost = (known: Cost) => {
    if (known.basis === 'actual') return money(known);
    if (known.basis === 'estimate') return about(known);
    return text('money.atMost', { money: formatMoney(language, known, true) });
  };
  /** When our price was read, of a cost that rests on it. */
  const source = ({ basis, priced_on: date }: Cost) =>
    basis === 'estimate' && date ? text('money.pricedOn', { date: dateWords(language, date) }) : undefined;
  return { money, sum, about, cost, source };
}

export function useMoney(): ReturnType<typeof moneyWords> {
  const text = useText();
  const language = useStore((state) => state.language);
  return useMemo(() => moneyWords(text, language), [text, language]);
}
