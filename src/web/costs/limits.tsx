import type { Limit } from '../../contract/money';
import { useText } from '../i18n';
import { LimitWords } from './limit-words';
import styles from './limits.module.css';

/** Each limit in force, and how much of it is spent. */
export function Limits({ limits }: { limits: readonly Limit[] }) {
  const text = useText();
  if (limits.length === 0) return <p className="muted">{text('costs.noLimits')}</p>;
  return (
    <ul className={styles.limits} role="list">
      {limits.map((one) => {
        const { scope, limit, spent } = one;
        const name = text(`costs.limit.${scope}`);
        const isReached = spent.micros >= limit.micros;
        const max = Math.max(limit.micros, 1);
        return (
          <li key={`${scope} ${limit.currency}`}>
            <span className={styles.name}>{name}</span>
            <LimitWords limit={one} />
            <progress
              className={isReached ? styles.reached : undefined}
              aria-label={name}
              max={max}
              value={isReached ? max : spent.micros}
            />
          </li>
        );
      })}
    </ul>
  );
}
