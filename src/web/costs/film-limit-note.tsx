import type { Money } from '../../contract/money';
import type { Options } from '../../contract/options';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import styles from './film-limit.module.css';

type Props = { limit: Money | null; currency: Money['currency']; isWrong: boolean; isSaved: boolean };

/** What became of the amount that was typed, and whether it can stop anything. */
export function FilmLimitNote({ limit, currency, isWrong, isSaved }: Props) {
  const text = useText();
  const { money } = useMoney();
  const isIdle = useStore(({ options }) => options !== null && !isPricedIn(options, currency));
  const other = limit && limit.currency !== currency ? limit : null;
  const saved = limit ? text('costs.limitSaved', { money: money(limit) }) : text('costs.limitRemoved');
  return (
    <div id="film-limit-note" aria-live="polite">
      {isWrong && <p className={styles.wrong}>{text('costs.limitNotSaved', { currency })}</p>}
      {!isWrong && isSaved && <p>{saved}</p>}
      {!isWrong && !isSaved && other && <p>{text('costs.limitInOther', { currency, money: money(other) })}</p>}
      {!isWrong && !isSaved && !other && <p className="muted">{text('costs.filmLimitHint')}</p>}
      {isIdle && <p className={styles.idle}>{text('costs.limitIdle', { currency })}</p>}
    </div>
  );
}

const isPricedIn = ({ video_providers: providers }: Options, currency: Money['currency']): boolean =>
  providers.some(({ models }) => models.some(({ prices }) => prices.some((price) => price.currency === currency)));
