import type { Accepted } from '../api';
import { useText } from '../i18n';
import { useStore, type RefusedClick } from '../state/store';
import { Button } from '../ui/button';
import { useMoney } from '../ui/money';
import { useTime } from '../ui/use-time';
import { CostsLink } from './costs-link';
import { dismissClick, generate } from './generation';
import { expectedPrice } from './price';
import { useCostsNow } from './use-costs-now';

/** By the code of a refusal at a limit, the consent to go beyond it. */
export const acceptances = {
  SPEND_LIMIT_REACHED: 'accept_over_limit',
  PRICE_UNKNOWN: 'accept_unknown_price',
} as const satisfies Partial<Record<RefusedClick['code'], keyof Accepted>>;

type LimitCode = keyof typeof acceptances;

/** Whether a click was refused for what it costs, so that it can be sent again with consent. */
export const isOfLimit = (code: RefusedClick['code']): code is LimitCode => code in acceptances;

/** The limits that a shot would pass: how much of each is spent, what the shot needs, and where the limit is set. */
export function PassedLimits({ id }: { id: string }) {
  const text = useText();
  const { money, about } = useMoney();
  const time = useTime();
  const needed = useNeeded(id);
  const limits = useCostsNow()?.limits ?? [];
  if (!needed) return null;
  return limits
    .filter(({ limit, spent }) => limit.currency === needed.currency && spent.micros + needed.micros > limit.micros)
    .map(({ scope, limit, spent, resets_at: resetsAt }) => (
      <span key={`${scope} ${limit.currency}`}>
        {text(`limit.passed.${scope}`, {
          spent: money(spent),
          limit: money(limit),
          needed: about(needed),
          time: resetsAt ? time(resetsAt) : '',
        })}
        {text('common.sentenceGap')}
      </span>
    ));
}

/** The way on after a refusal at a limit: where limits are set, and the click with consent. */
export function LimitButtons({ id, code, accepted }: { id: string; code: LimitCode; accepted?: Accepted }) {
  const text = useText();
  const { about } = useMoney();
  const needed = useNeeded(id);
  const go = () => {
    dismissClick(id);
    void generate(id, { ...accepted, [acceptances[code]]: true });
  };
  return (
    <>
      <CostsLink>{text('costs.name')}</CostsLink>
      <Button size="small" onClick={go}>
        {needed ? text('generate.anywayPriced', { price: about(needed) }) : text('generate.anyway')}
      </Button>
    </>
  );
}

function useNeeded(id: string) {
  const form = useStore(({ byId }) => byId[id]?.form_data);
  const options = useStore((state) => state.options);
  const price = form && expectedPrice({ options }, form);
  return price && price !== 'unknown' ? price.money : null;
}
