import type { Charge } from '../../contract/money';
import { useText } from '../i18n';
import { Button } from '../ui/button';
import { ChargeWords } from './charge-words';
import styles from './charges.module.css';

type Props = { charges: readonly Charge[]; hasOlder: boolean; onOlder: () => Promise<void> };

/** Every charge, the newest first. */
export function Charges({ charges, hasOlder, onOlder }: Props) {
  const text = useText();
  return (
    <section className={styles.section} aria-labelledby="costs-charges">
      <h2 id="costs-charges">{text('costs.charges')}</h2>
      {charges.length === 0 && <p className="muted">{text('costs.noCharges')}</p>}
      <ul className={styles.list} role="list">
        {charges.map((charge) => (
          <li key={charge.attempt_id}>
            <ChargeWords charge={charge} />
            <span className="muted">{text(`costs.state.${charge.state}`)}</span>
          </li>
        ))}
      </ul>
      {hasOlder && <Button onClick={() => void onOlder()}>{text('costs.older')}</Button>}
    </section>
  );
}
