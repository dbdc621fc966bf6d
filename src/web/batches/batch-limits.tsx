import type { BatchPreview } from '../../contract/batch';
import type { Money } from '../../contract/money';
import type { AcceptedOfBatch } from '../api';
import { addUp } from '../costs/spending';
import { CostsLink } from '../generate/costs-link';
import { acceptances, isOfLimit } from '../generate/limit-refusal';
import { expectedPrice } from '../generate/price';
import { useCostsNow } from '../generate/use-costs-now';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { useMoney } from '../ui/money';

type Props = { preview: BatchPreview; onAccept: (accepted: AcceptedOfBatch) => void };

/** The limits that keep shots out of a batch: how much is left of them, where they are set, and consent to go beyond. */
export function BatchLimits({ preview, onAccept }: Props) {
  const text = useText();
  const { money } = useMoney();
  const refused = preview.blocked.filter(({ code }) => isOfLimit(code));
  const needed = useNeeded(preview, refused);
  const limits = useCostsNow(refused.length > 0)?.limits ?? [];
  if (refused.length === 0) return null;
  const passed = limits.flatMap(({ scope, limit, spent }) => {
    const wanted = needed.find(({ currency }) => currency === limit.currency)?.micros ?? 0;
    const left = { ...limit, micros: Math.max(0, limit.micros - spent.micros) };
    return wanted > left.micros ? [{ scope, left }] : [];
  });
  const accept = () =>
    onAccept(Object.fromEntries(refused.flatMap(({ code }) => (isOfLimit(code) ? [[acceptances[code], true]] : []))));
  return (
    <Alert>
      <p>
        {passed.map(({ scope, left }) => (
          <span key={`${scope} ${left.currency}`}>
            {text(`limit.left.${scope}`, { left: money(left) })}
            {text('common.sentenceGap')}
          </span>
        ))}
        {text(refused.length === 1 ? 'batch.limitedOne' : 'batch.limited', { count: refused.length })}
      </p>
      <CostsLink>{text('costs.name')}</CostsLink>
      <Button size="small" onClick={accept}>
        {text(refused.length === 1 ? 'batch.includeOne' : 'batch.includeAll')}
      </Button>
    </Alert>
  );
}

/** What the shots that are ready and those that a limit refuses cost together. */
function useNeeded({ estimate }: BatchPreview, refused: BatchPreview['blocked']): Money[] {
  const options = useStore((state) => state.options);
  const byId = useStore((state) => state.byId);
  const prices = refused.flatMap(({ workspace_id: id }) => {
    const shot = byId[id];
    const price = shot && expectedPrice({ options }, shot.form_data);
    return price && price !== 'unknown' ? [price.money] : [];
  });
  return addUp([...estimate, ...prices]);
}
