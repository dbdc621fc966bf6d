import type { BatchPreview } from '../../contract/batch';
import { useText } from '../i18n';
import { movesPictureOnly } from '../state/providers';
import { useMoney } from '../ui/money';

/** What the shots that are ready cost together, and how many have no known price. */
export function BatchSum({ preview: { ready, estimate } }: { preview: BatchPreview }) {
  const text = useText();
  const { sum } = useMoney();
  const unknown = ready.filter(({ cost, provider }) => cost === null && !movesPictureOnly(provider)).length;
  return (
    <>
      {estimate.length > 0 && <p>{text('generateAll.sum', { sum: sum(estimate) })}</p>}
      {unknown > 0 && (
        <p>{text(unknown === 1 ? 'generateAll.unknownOne' : 'generateAll.unknown', { count: unknown })}</p>
      )}
    </>
  );
}
