import { useState } from 'react';
import type { Film } from '../../contract/film';
import type { Money } from '../../contract/money';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { useStore } from '../state/store';
import { currencies } from './amount';
import { FilmLimitNote } from './film-limit-note';
import styles from './film-limit.module.css';
import { useAmount } from './use-amount';

type Props = { film: Film; spent: readonly Money[] };

/** What a film may cost: an amount in one currency; an empty field is no limit. */
export function FilmLimit({ film, spent }: Props) {
  const text = useText();
  const limit = film.settings.spend_limit;
  const [chosen, setChosen] = useState<Money['currency'] | null>(null);
  const currency = chosen ?? limit?.currency ?? 'USD';
  const { typed, read, show, isWrong, type, leave } = useAmount(currency);
  const [isStored, setStored] = useState(false);
  const isSaved = useStore(({ state }) => state === 'saved') && isStored;
  // An amount stays in its currency until another amount is typed.
  const inCurrency = limit?.currency === currency ? limit : null;

  const store = (next: Money | null) => {
    if (next?.micros !== inCurrency?.micros) sync.films.update(film._id, { 'settings.spend_limit': next });
    setStored(true);
  };
  const storeWords = (words: string, isWhole: boolean) => {
    const micros = read(words);
    const spentMicros = spent.find((amount) => amount.currency === currency)?.micros ?? 0;
    // A limit below what is spent stops what waits, so that the 2 of a 20 must not be one.
    if (micros === null && (inCurrency || !limit)) store(null);
    else if (typeof micros === 'number' && (isWhole || micros >= spentMicros)) store({ currency, micros });
  };
  const typeWords = (words: string) => {
    type(words);
    setStored(false);
    storeWords(words, false);
  };
  const choose = (next: Money['currency']) => {
    setChosen(next);
    setStored(false);
    type(null);
  };
  const leaveWords = () => {
    leave();
    if (typed === null || read(typed) === undefined) return;
    storeWords(typed, true);
    type(null);
  };

  return (
    <div className={styles.field}>
      <label htmlFor="film-limit">{text('costs.filmLimit')}</label>
      <span className={styles.row}>
        <input
          id="film-limit"
          inputMode="decimal"
          autoComplete="off"
          placeholder={limit && !inCurrency ? undefined : text('costs.noLimit')}
          aria-invalid={isWrong}
          aria-describedby="film-limit-note"
          value={typed ?? (inCurrency ? show(inCurrency.micros) : '')}
          onChange={({ target }) => typeWords(target.value)}
          onBlur={leaveWords}
          onKeyDown={({ key }) => key === 'Enter' && leaveWords()}
        />
        <select
          aria-label={text('costs.currency')}
          value={currency}
          onChange={({ target }) => choose(target.value as Money['currency'])}
        >
          {currencies.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </span>
      <FilmLimitNote limit={limit} currency={currency} isWrong={isWrong} isSaved={isSaved} />
    </div>
  );
}
