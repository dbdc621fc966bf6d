import type { Costs, Money } from '../../contract/money';
import { useText, type TextKey } from '../i18n';
import { useMoney } from '../ui/money';
import styles from './sums.module.css';

/** What was spent today, this month, for this film and in total, with what is reserved and what is unclear. */
export function Sums({ costs }: { costs: Costs }) {
  const text = useText();
  return (
    <div>
      <dl className={styles.sums}>
        <Sum name="costs.today" amounts={costs.today} />
        <Sum name="costs.month" amounts={costs.month} />
        {costs.film && <Sum name="costs.film" amounts={costs.film} />}
        <Sum name="costs.total" amounts={costs.total} />
      </dl>
      <p className="muted">{text('costs.counted')}</p>
    </div>
  );
}

function Sum({ name, amounts }: { name: TextKey; amounts: readonly Money[] }) {
  const text = useText();
  const { money } = useMoney();
  return (
    <div className={styles.sum}>
      <dt>{text(name)}</dt>
      {amounts.length === 0 && <dd>{text('costs.nothing')}</dd>}
      {amounts.map((amount) => (
        <dd key={amount.currency}>{money(amount)}</dd>
      ))}
    </div>
  );
}
