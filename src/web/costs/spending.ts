import type { Charge, Money } from '../../contract/money';
import { currencies } from './amount';

/** The charges of one model, and what they come to. */
export type ModelSpending = { provider: string; model: string; count: number; amounts: Money[] };

/** What was spent on a day, in one currency. */
export type Day = { date: string; micros: number };

/** What a charge counts as spent: all that is not known to be free, as far as its price is known. */
export const spentOn = ({ state, cost }: Charge): Money | null =>
  state === 'none' || !cost ? null : { currency: cost.currency, micros: cost.micros };

/** The sums of these amounts, one of each currency. */
export function addUp(amounts: readonly Money[]): Money[] {
  const sums = new Map<Money['currency'], number>();
  for (const { currency, micros } of amounts) sums.set(currency, (sums.get(currency) ?? 0) + micros);
  return [...sums].map(([currency, micros]) => ({ currency, micros }));
}

/** What was spent by provider and model: what cost the most first, in dollars before yuan. */
export function byModel(charges: readonly Charge[]): ModelSpending[] {
  const groups = new Map<string, ModelSpending>();
  for (const charge of charges) {
    if (charge.state === 'none') continue;
    const { provider, model } = charge;
    const key = `${provider} ${model}`;
    const { count, amounts } = groups.get(key) ?? { count: 0, amounts: [] };
    groups.set(key, { provider, model, count: count + 1, amounts: addUp([...amounts, spentOn(charge) ?? []].flat()) });
  }
  return [...groups.values()].sort(bySpent);
}

function bySpent(one: ModelSpending, other: ModelSpending): number {
  const more = currencies.map((currency) => microsIn(other, currency) - microsIn(one, currency));
  return more.find((difference) => difference !== 0) ?? other.count - one.count;
}

const microsIn = ({ amounts }: ModelSpending, currency: Money['currency']): number =>
  amounts.find((amount) => amount.currency === currency)?.micros ?? 0;

/** The last `count` days of this browser's zone, the oldest first, with what was spent on each in one currency. */
export function byDay(charges: readonly Charge[], currency: Money['currency'], now: Date, count: number): Day[] {
  const days = Array.from({ length: count }, (_, index) => dateOf(daysBefore(now, count - 1 - index)));
  const micros = new Map(days.map((date) => [date, 0]));
  for (const charge of charges) {
    const date = dateOf(new Date(charge.started_at));
    const spent = spentOn(charge);
    const before = micros.get(date);
    if (before !== undefined && spent?.currency === currency) micros.set(date, before + spent.micros);
  }
  return [...micros].map(([date, sum]) => ({ date, micros: sum }));
}

/** The charges of the last `count` days. */
export function inLastDays(charges: readonly Charge[], now: Date, count: number): Charge[] {
  const first = dateOf(daysBefore(now, count - 1));
  return charges.filter(({ started_at: startedAt }) => dateOf(new Date(startedAt)) >= first);
}

/** The day some days before, at noon, which every day has. */
export const daysBefore = (now: Date, days: number): Date =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() - days, 12);

const dateOf = (date: Date): string =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-');

/** Charges with newer ones in their place, the newest first. */
export function mergeCharges(known: readonly Charge[], told: readonly Charge[]): Charge[] {
  const byAttempt = new Map([...known, ...told].map((charge) => [charge.attempt_id, charge]));
  return [...byAttempt.values()].sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
}
