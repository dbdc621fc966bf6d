import { trusted } from 'mongoose';
import { z } from 'zod';
import { objectId, time } from '../contract/ids';
import { costs } from '../contract/money';
import { limitsFor } from '../costs/limits';
import { dayStart, monthStart, spentIn } from '../costs/spent';
import { Charge, toWireCharge, type StoredCharge } from '../db/charge';
import { Film, filmNotFound } from '../db/film';
import { throwWhilePreparing } from '../db/mongodb';
import { defineEndpoint } from '../utils/endpoint';

const pageLength = 100;

/** What was spent, the limits, and the charges. */
export const getCosts = defineEndpoint({
  method: 'get',
  path: '/api/costs',
  summary:
    'What was spent today, this month and in total, of a film with `film_id`, the limits in force, and the newest 100 charges, or ' +
    'the newest before `before`.',
  query: z.object({ film_id: objectId.optional(), before: time.optional() }),
  reply: costs,
  errors: ['INVALID_INPUT', 'FILM_NOT_FOUND', 'DATABASE_UNAVAILABLE'],
  async handle({ query: { film_id: filmId, before } }) {
    throwWhilePreparing();
    if (filmId !== undefined && !(await Film.exists({ _id: filmId }))) throw filmNotFound(filmId);
    const now = new Date();
    const [today, month, total, film, unclear, limits, charges] = await Promise.all([
      spentIn({ since: dayStart(now) }),
      spentIn({ since: monthStart(now) }),
      spentIn({}),
      filmId === undefined ? undefined : spentIn({ filmId }),
      spentIn({ onlyUnclear: true }),
      limitsFor(filmId),
      newestCharges(before),
    ]);
    return { today, month, total, ...(film && { film }), unclear, limits, charges };
  },
});

async function newestCharges(before: string | undefined) {
  const isBefore = before === undefined ? {} : { started_at: trusted({ $lt: new Date(before) }) };
  // Without those that were taken back before they were an attempt.
  const isOne: object = { $or: [{ state: trusted({ $ne: 'none' }) }, { epoch: trusted({ $gt: 0 }) }] };
  const found = await Charge.find({ ...isBefore, ...isOne })
    .sort({ started_at: -1 })
    .limit(pageLength)
    .lean<StoredCharge[]>();
  return found.map(toWireCharge);
}
