import type { Limit } from '../../contract/money';
import { useText } from '../i18n';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './limits.module.css';

/** Each limit in force: how much of it is spent, and when it begins again. */
export function Limits({ limits }: { limits: readonly Limit[] }) {
  const text = useText();
  const { money } = useMoney();
  const time = useTime();
  if (limits.length === 0) return <p className="muted">{text('costs.noLimits')}</p>;
  return (
    <ul className={styles.limits} role="list">
      {limits.map(({ scope, limit, spent, resets_at: resetsAt }) => {
        const name = text(`costs.limit.${scope}`);
        return (
          <li key={`${scope} ${limit.currency}`}>
            <span className={styles.name}>{name}</span>
            <span className={styles.words}>
              {text('costs.limitSpent', { spent: money(spent), limit: money(limit) })}{' '}
              <span className="muted">{resetsAt && text('costs.resets', { time: time(resetsAt) })}</span>
            </span>
            <progress aria-label={name} max={Math.max(limit.micros, 1)} value={Math.min(spent.micros, limit.micros)} />
          </li>
        );
      })}
    </ul>
  );
}
