import type { Limit } from '../../contract/money';
import { useText } from '../i18n';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './limit-words.module.css';

type Props = { limit: Limit; isNamed?: boolean };

/** How much of a limit is spent, and when it begins again. */
export function LimitWords({ limit: { scope, limit, spent, resets_at: resetsAt }, isNamed }: Props) {
  const text = useText();
  const { money } = useMoney();
  const time = useTime();
  return (
    <span className={styles.words}>
      {isNamed && `${text(`costs.limit.${scope}`)}: `}
      {text('costs.limitSpent', { spent: money(spent), limit: money(limit) })}
      {resetsAt && <span className="muted"> · {text('costs.resets', { time: time(resetsAt) })}</span>}{' '}
    </span>
  );
}
