import { currencies, type Cost, type Money } from '../contract/money';

const microsPerUnit = 1_000_000;

/** An amount as people and settings write it: `0.42 USD`, with at least two decimals. */
export const amountText = ({ currency, micros }: Money): string =>
  `${(micros / microsPerUnit).toFixed(6).replace(/0{1,4}$/, '')} ${currency}`;

/** The sums of some costs, one for each currency. */
export const sumsOf = (costs: (Money | null)[]): Money[] =>
  currencies.flatMap((currency) => {
    const micros = costs.reduce((sum, cost) => sum + (cost?.currency === currency ? cost.micros : 0), 0);
    return micros > 0 ? [{ currency, micros }] : [];
  });

/** What a vendor says of a task: its charge, else the most that it will charge; undefined if it says neither. */
export function costOf({ bound, charge }: { bound?: Money; charge?: Money }): Cost | undefined {
  if (charge) return { ...charge, basis: 'actual', priced_on: null };
  return bound && { ...bound, basis: 'bound', priced_on: null };
}
