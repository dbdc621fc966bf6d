import type { Limit } from '../../contract/money';
import { useText } from '../i18n';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './limit-words.module.css';

/** How much of a limit is spent, and when it begins again. */
export function LimitWords({ limit: { limit, spent, resets_at: resetsAt } }: { limit: Limit }) {
  const text = useText();
  const { money } = useMoney();
  const time = useTime();
  return (
    <span className={styles.words}>
      {text('costs.limitSpent', { spent: money(spent), limit: money(limit) })}
      {resetsAt && (
        <span className="muted">
          {text('costs.resetsAfter', { resets: text('costs.resets', { time: time(resetsAt) }) })}
        </span>
      )}
    </span>
  );
}
