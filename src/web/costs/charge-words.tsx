import type { Charge } from '../../contract/money';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { titleOf } from '../state/films';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './charge-words.module.css';
import { ShotLink } from './shot-link';

/** Who charges how much, when, and for which shot of which film. */
export function ChargeWords({ charge }: { charge: Charge }) {
  const text = useText();
  const time = useTime();
  const { cost, source } = useMoney();
  const film = useStore(({ films }) => films.find(({ _id: id }) => id === charge.film_id));
  const price = charge.cost ? cost(charge.cost) : text('money.unknown');
  const isFree = charge.state === 'none';
  // What is not charged must not look like money that was spent.
  const Price = isFree ? 'span' : 'strong';
  return (
    <span className={styles.words}>
      <span>
        {[displayName(charge.provider), charge.model].filter(Boolean).join(' · ')}{' '}
        <Price className={isFree ? 'muted' : undefined} title={charge.cost ? source(charge.cost) : undefined}>
          {price}
        </Price>
      </span>
      <span className="muted">
        {[time(charge.started_at), film && titleOf(film)].filter(Boolean).join(' · ')}
        <ShotLink attemptId={charge.attempt_id} before=" · " />
      </span>
    </span>
  );
}
