import { config } from '../config';
import type { Limit, Money } from '../contract/money';
import { Film, type StoredFilm } from '../db/film';
import { dayStart, microsIn, spentIn } from './spent';

/** The limits in force and what was spent of each: those of today, and that of a film. */
export async function limitsFor(filmId: string | undefined): Promise<Limit[]> {
  const now = new Date();
  const [today, ofFilm] = await Promise.all([
    config.SPEND_LIMIT_PER_DAY.length > 0 ? spentIn({ since: dayStart(now) }) : [],
    filmId === undefined ? null : filmLimit(filmId),
  ]);
  const resetsAt = dayStart(now, 1).toISOString();
  const days = config.SPEND_LIMIT_PER_DAY.map((limit) => limitOf('day', limit, today, resetsAt));
  return ofFilm ? [...days, ofFilm] : days;
}

/** A limit once this was spent too. */
export const afterSpending = (limit: Limit, cost: Money | null): Limit =>
  limit.spent.currency === cost?.currency
    ? { ...limit, spent: { ...limit.spent, micros: limit.spent.micros + cost.micros } }
    : limit;

async function filmLimit(filmId: string): Promise<Limit | null> {
  const film = await Film.findById(filmId, { 'settings.spend_limit': 1 }).lean<StoredFilm>();
  const limit = film?.settings?.spend_limit;
  return limit ? limitOf('film', limit, await spentIn({ filmId }), null) : null;
}

function limitOf(scope: Limit['scope'], { currency, micros }: Money, spent: Money[], resets_at: string | null): Limit {
  const limit = { currency, micros };
  return { scope, limit, spent: { currency, micros: microsIn(spent, currency) }, resets_at };
}
