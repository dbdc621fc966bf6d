import { Types, type PipelineStage } from 'mongoose';
import { currencies, type Money } from '../contract/money';
import { Charge } from '../db/charge';

/** Which charges are added up: of a film, and from a time on. */
export type Scope = { filmId?: string; since?: Date; onlyUnclear?: boolean };

/** What was spent, one amount for each currency: every charge that is reserved, charged or unclear, as far as its cost is known. */
export async function spentIn({ filmId, since, onlyUnclear = false }: Scope): Promise<Money[]> {
  const filter = {
    state: onlyUnclear ? 'maybe' : { $ne: 'none' },
    ...(filmId !== undefined && { film_id: new Types.ObjectId(filmId) }),
    ...(since && { started_at: { $gte: since } }),
    cost: { $ne: null },
  };
  const sums: PipelineStage[] = [
    { $match: filter },
    { $group: { _id: '$cost.currency', micros: { $sum: '$cost.micros' } } },
  ];
  const found = await Charge.aggregate<{ _id: Money['currency']; micros: number }>(sums);
  return currencies.flatMap((currency) =>
    found.filter(({ _id, micros }) => _id === currency && micros > 0).map(({ micros }) => ({ currency, micros })),
  );
}

/** The millionths of one currency among amounts. */
export const microsIn = (amounts: Money[], currency: Money['currency']): number =>
  amounts.find((amount) => amount.currency === currency)?.micros ?? 0;

/** The beginning of a day in the time zone of this server; `later` counts days. */
export function dayStart(date: Date, later = 0): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + later);
}

/** The beginning of a month in the time zone of this server. */
export const monthStart = (date: Date): Date => new Date(date.getFullYear(), date.getMonth());
