import type { Charge } from '../../contract/money';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { useMoney } from '../ui/money';
import styles from './model-table.module.css';
import { byModel, inLastDays } from './spending';
import { daysShown } from './use-costs';

/** What each model cost in the last days. */
export function ModelTable({ charges }: { charges: readonly Charge[] }) {
  const text = useText();
  const { sum } = useMoney();
  const rows = byModel(inLastDays(charges, new Date(), daysShown));
  if (rows.length === 0) return null;
  return (
    <section>
      <table className={styles.table}>
        <caption>{text('costs.byModel', { count: daysShown })}</caption>
        <thead>
          <tr>
            <th scope="col">{text('form.provider')}</th>
            <th scope="col">{text('form.model')}</th>
            <th scope="col">{text('costs.videos')}</th>
            <th scope="col">{text('costs.spent')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ provider, model, count, amounts }) => (
            <tr key={`${provider} ${model}`}>
              <td>{displayName(provider)}</td>
              <td>{model}</td>
              <td>{count}</td>
              <td>{amounts.length > 0 ? sum(amounts) : text('money.unknown')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
