import { addUp } from '../costs/spending';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { expectedPrice } from './price';

/** What these shots cost together, and how many have no known price. */
export function GenerateSum({ shots }: { shots: readonly Workspace[] }) {
  const text = useText();
  const { sum } = useMoney();
  const options = useStore((state) => state.options);
  const prices = shots.map(({ form_data: form }) => expectedPrice({ options }, form));
  const sums = addUp(prices.flatMap((price) => (price && price !== 'unknown' ? [price.money] : [])));
  const unknown = prices.filter((price) => price === 'unknown').length;
  return (
    <>
      {sums.length > 0 && <p>{text('generateAll.sum', { sum: sum(sums) })}</p>}
      {unknown > 0 && (
        <p>{text(unknown === 1 ? 'generateAll.unknownOne' : 'generateAll.unknown', { count: unknown })}</p>
      )}
    </>
  );
}
