import { useState } from 'react';
import type { Money } from '../../contract/money';
import { useStore } from '../state/store';
import { localeOf } from '../ui/money';
import { amountWords, parseAmount } from './amount';

type Amount = {
  /** What is typed; null while nothing is. */
  typed: string | null;
  /** What that means: null for no amount, undefined where it is none. */
  read: (words: string) => number | null | undefined;
  show: (micros: number) => string;
  /** Whether a sentence must say that it is no amount: not before it is typed to its end. */
  isWrong: boolean;
  type: (words: string | null) => void;
  leave: () => void;
};

/** An amount that is being typed. */
export function useAmount(currency: Money['currency'] | null): Amount {
  const locale = useStore((state) => localeOf(state.language));
  const [typed, setTyped] = useState<string | null>(null);
  const [isLeft, setLeft] = useState(false);
  const read = (words: string) => parseAmount(words, currency, locale);
  const type = (words: string | null) => {
    setTyped(words);
    if (words === null || read(words) !== undefined) setLeft(false);
  };
  return {
    typed,
    read,
    show: (micros) => amountWords(micros, locale),
    isWrong: isLeft && typed !== null && read(typed) === undefined,
    type,
    leave: () => setLeft(true),
  };
}
