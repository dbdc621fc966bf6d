import type { Charge } from '../../contract/money';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { titleOf } from '../state/films';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './charge-words.module.css';

/** Who charges how much, when and for which film. */
export function ChargeWords({ charge }: { charge: Charge }) {
  const text = useText();
  const time = useTime();
  const { cost, source } = useMoney();
  const film = useStore(({ films }) => films.find(({ _id: id }) => id === charge.film_id));
  const price = charge.cost ? cost(charge.cost) : text('money.unknown');
  return (
    <span className={styles.words}>
      <span>
        {[displayName(charge.provider), charge.model].filter(Boolean).join(' · ')}{' '}
        <strong title={charge.cost ? source(charge.cost) : undefined}>{price}</strong>
      </span>
      <span className="muted">{[time(charge.started_at), film && titleOf(film)].filter(Boolean).join(' · ')}</span>
    </span>
  );
}
