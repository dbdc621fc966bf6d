import { useEffect, useState } from 'react';
import type { Limit } from '../../contract/money';
import { getCosts, type Accepted } from '../api';
import { LimitWords } from '../costs/limit-words';
import { useText } from '../i18n';
import { costsPath } from '../state/address';
import { canLeave } from '../state/go-to';
import { useStore, type RefusedClick } from '../state/store';
import { Button } from '../ui/button';
import { dismissClick, generate } from './generation';
import styles from './limit-refusal.module.css';
import { expectedPrice } from './price';

const acceptances = {
  SPEND_LIMIT_REACHED: 'accept_over_limit',
  PRICE_UNKNOWN: 'accept_unknown_price',
} as const satisfies Partial<Record<RefusedClick['code'], keyof Accepted>>;

type LimitCode = keyof typeof acceptances;

/** Whether a click was refused for what it costs, so that it can be sent again with consent. */
export const isOfLimit = (code: RefusedClick['code']): code is LimitCode => code in acceptances;

/** How much is spent of the limits that a shot would pass. */
export function PassedLimits({ id }: { id: string }) {
  const filmId = useStore((state) => state.filmId);
  const form = useStore(({ byId }) => byId[id]?.form_data);
  const options = useStore((state) => state.options);
  const [limits, setLimits] = useState<readonly Limit[]>([]);
  useEffect(() => {
    let isHere = true;
    getCosts(filmId).then(
      (costs) => isHere && setLimits(costs.limits),
      () => undefined,
    );
    return () => {
      isHere = false;
    };
  }, [filmId]);
  const price = form && expectedPrice({ options }, form);
  const needed = price && price !== 'unknown' ? price.money : null;
  const passed = limits.filter(
    ({ limit, spent }) => limit.currency === needed?.currency && spent.micros + needed.micros > limit.micros,
  );
  return passed.map((limit) => <LimitWords key={`${limit.scope} ${limit.limit.currency}`} limit={limit} isNamed />);
}

/** The way on after a refusal at a limit: where limits are set, and the click with consent. */
export function LimitButtons({ id, code, accepted }: { id: string; code: LimitCode; accepted?: Accepted }) {
  const text = useText();
  const filmId = useStore((state) => state.filmId);
  const go = () => {
    dismissClick(id);
    void generate(id, { ...accepted, [acceptances[code]]: true });
  };
  return (
    <>
      <a className={styles.link} href={costsPath(filmId)} onClick={(event) => canLeave() || event.preventDefault()}>
        {text('costs.name')}
      </a>
      <Button size="small" onClick={go}>
        {text('costs.anyway')}
      </Button>
    </>
  );
}
