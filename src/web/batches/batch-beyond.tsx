import type { BatchPreview } from '../../contract/batch';
import { useCostsNow } from '../generate/use-costs-now';
import { useText } from '../i18n';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { useMoney } from '../ui/money';
import type { AcceptedOfBatch } from '../api';

type Props = { preview: BatchPreview; accepted: AcceptedOfBatch; onTakeBack: () => void };

/** That a batch goes beyond the limits, by how much where that is known, and a way to keep within them after all. */
export function BatchBeyond({ preview, accepted, onTakeBack }: Props) {
  const text = useText();
  const { accept_over_limit: isOver, accept_unknown_price: hasUnknown } = accepted;
  const passed = usePassed(preview, isOver === true);
  if (!isOver && !hasUnknown) return null;
  return (
    <Alert isCalm>
      <p>
        {isOver && passed.length === 0 && <span>{text('batch.beyond')}</span>}
        {passed.map(({ scope, over }) => (
          <span key={`${scope} ${over}`}>
            {text(`batch.beyond.${scope}`, { over })}
            {text('common.sentenceGap')}
          </span>
        ))}
        {hasUnknown && text('batch.beyond.unknown')}
      </p>
      <Button size="small" onClick={onTakeBack}>
        {text('batch.keepLimit')}
      </Button>
    </Alert>
  );
}

/** The limits that the shots which are ready pass together, each with how much is beyond it. */
function usePassed({ estimate }: BatchPreview, isAsked: boolean) {
  const { money } = useMoney();
  const limits = useCostsNow(isAsked)?.limits ?? [];
  return limits.flatMap(({ scope, limit, spent }) => {
    const wanted = estimate.find(({ currency }) => currency === limit.currency)?.micros ?? 0;
    const micros = spent.micros + wanted - limit.micros;
    return isAsked && micros > 0 ? [{ scope, over: money({ ...limit, micros }) }] : [];
  });
}
