import { addUp } from '../costs/spending';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { expectedPrice } from './price';
import { useCostsNow } from './use-costs-now';

/** What these shots cost together, the limits that would not hold it, and how many have no known price. */
export function GenerateSum({ shots }: { shots: readonly Workspace[] }) {
  const text = useText();
  const { sum, money } = useMoney();
  const options = useStore((state) => state.options);
  const prices = shots.map(({ form_data: form }) => expectedPrice({ options }, form));
  const sums = addUp(prices.flatMap((price) => (price && price !== 'unknown' ? [price.money] : [])));
  const passed = (useCostsNow()?.limits ?? []).flatMap(({ scope, limit, spent }) => {
    const wanted = sums.find(({ currency }) => currency === limit.currency)?.micros ?? 0;
    const left = { ...limit, micros: Math.max(0, limit.micros - spent.micros) };
    return wanted > left.micros ? [{ scope, left }] : [];
  });
  const unknown = prices.filter((price) => price === 'unknown').length;
  return (
    <>
      {sums.length > 0 && <p>{text('generateAll.sum', { sum: sum(sums) })}</p>}
      {passed.map(({ scope, left }) => (
        <p key={`${scope} ${left.currency}`}>{text(`limit.left.${scope}`, { left: money(left) })}</p>
      ))}
      {unknown > 0 && (
        <p>{text(unknown === 1 ? 'generateAll.unknownOne' : 'generateAll.unknown', { count: unknown })}</p>
      )}
    </>
  );
}
