import type { Charge, Costs } from '../../contract/money';
import { useText } from '../i18n';
import { useMoney } from '../ui/money';
import { addUp, spentOn } from './spending';
import { UnclearCharge, unclearRowId } from './unclear-charge';
import styles from './unclear.module.css';
import { useFocusAfter } from './use-focus-after';

const headingId = 'costs-unclear';

type Props = { costs: Costs; charges: readonly Charge[]; onSettled: () => void };

/** The charges of which it is not known whether the vendor made them, to be settled with what its account says. */
export function Unclear({ costs, charges, onSettled }: Props) {
  const text = useText();
  const { sum } = useMoney();
  const unclear = charges.filter(({ state }) => state === 'maybe');
  const leaveRow = useFocusAfter(
    unclear.map(({ attempt_id: id }) => id),
    headingId,
    unclearRowId,
  );
  const here = addUp(unclear.flatMap((charge) => spentOn(charge) ?? []));
  const isMore = costs.unclear.some(
    ({ currency, micros }) => micros > (here.find((one) => one.currency === currency)?.micros ?? 0),
  );
  const hint = text('costs.unclearHint');
  const settled = (id: string) => {
    leaveRow(id);
    onSettled();
  };
  return (
    <section className={styles.unclear} aria-labelledby={headingId}>
      <h2 id={headingId} tabIndex={-1}>
        {text('costs.unclear')}
      </h2>
      {unclear.length === 0 && !isMore && <p className="muted">{text('costs.noneUnclear')}</p>}
      {(unclear.length > 0 || isMore) && (
        <p className="muted">
          {costs.unclear.length > 0 ? text('costs.together', { hint, sum: sum(costs.unclear) }) : hint}
        </p>
      )}
      <ul className={styles.list} role="list">
        {unclear.map((charge) => (
          <UnclearCharge key={charge.attempt_id} charge={charge} onSettled={() => settled(charge.attempt_id)} />
        ))}
      </ul>
      {isMore && <p className="muted">{text('costs.unclearOlder')}</p>}
    </section>
  );
}
