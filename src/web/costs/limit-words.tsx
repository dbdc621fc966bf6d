import type { Limit } from '../../contract/money';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import styles from './limit-words.module.css';

type Props = { limit: Limit; isNamed?: boolean };

/** How much of a limit is spent, and when it begins again; with its name, as a sentence among others. */
export function LimitWords({ limit: { scope, limit, spent, resets_at: resetsAt }, isNamed }: Props) {
  const text = useText();
  const { money } = useMoney();
  const time = useTime();
  const isChinese = useStore(({ language }) => language === 'zh');
  const resets = resetsAt && text('costs.resetsAfter', { resets: text('costs.resets', { time: time(resetsAt) }) });
  const words = text('costs.limitSpent', { spent: money(spent), limit: money(limit) });
  if (!isNamed) {
    return (
      <span className={styles.words}>
        {words}
        {resets && <span className="muted">{resets}</span>}
      </span>
    );
  }
  const name = text(`costs.limit.${scope}`);
  return (
    <span className={styles.words}>
      {text('costs.limitNamed', { name, words: `${words}${resets ?? ''}` })}
      {!isChinese && ' '}
    </span>
  );
}
