import { useState } from 'react';
import type { Film } from '../../contract/film';
import type { Money } from '../../contract/money';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { parseAmount } from './amount';
import styles from './film-limit.module.css';

const currencies: readonly Money['currency'][] = ['USD', 'CNY'];
const microsPerUnit = 1_000_000;

/** What a film may cost: an amount in one currency; an empty field is no limit. */
export function FilmLimit({ film, spent }: { film: Film; spent: readonly Money[] }) {
  const text = useText();
  const limit = film.settings.spend_limit;
  const [currency, setCurrency] = useState<Money['currency']>(limit?.currency ?? 'USD');
  const [typed, setTyped] = useState<string | null>(null);
  const isWrong = typed !== null && parseAmount(typed) === undefined;

  const store = (next: Money | null) => sync.films.update(film._id, { 'settings.spend_limit': next });
  const chosen = limit?.currency ?? currency;
  const storeWords = (words: string, isWhole: boolean) => {
    const micros = parseAmount(words);
    const spentMicros = spent.find((amount) => amount.currency === chosen)?.micros ?? 0;
    // A limit below what is spent stops what waits, so that the 2 of a 20 must not be one.
    if (micros === null) store(null);
    else if (micros !== undefined && (isWhole || micros >= spentMicros)) store({ currency: chosen, micros });
  };
  const type = (words: string) => {
    setTyped(words);
    storeWords(words, false);
  };
  const choose = (next: Money['currency']) => {
    setCurrency(next);
    if (limit) store({ ...limit, currency: next });
  };
  const leave = () => {
    if (typed !== null) storeWords(typed, true);
    setTyped(null);
  };

  return (
    <div className={styles.field}>
      <label htmlFor="film-limit">{text('costs.filmLimit')}</label>
      <span className={styles.row}>
        <input
          id="film-limit"
          inputMode="decimal"
          autoComplete="off"
          placeholder={text('costs.noLimit')}
          aria-invalid={isWrong}
          aria-describedby="film-limit-note"
          value={typed ?? (limit ? String(limit.micros / microsPerUnit) : '')}
          onChange={({ target }) => type(target.value)}
          onBlur={leave}
          onKeyDown={({ key }) => key === 'Enter' && leave()}
        />
        <select
          aria-label={text('costs.currency')}
          value={chosen}
          onChange={({ target }) => choose(target.value as Money['currency'])}
        >
          {currencies.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </span>
      <p className={isWrong ? styles.wrong : 'muted'} id="film-limit-note">
        {text(isWrong ? 'costs.noAmount' : 'costs.filmLimitHint')}
      </p>
    </div>
  );
}
