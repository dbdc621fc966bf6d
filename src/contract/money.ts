import { z } from 'zod';
import { objectId, time } from './ids';

export const currencies = ['USD', 'CNY'] as const;

/** An amount in millionths of its currency, never converted. */
export const money = z.strictObject({ currency: z.enum(currencies), micros: z.int().min(0) });
export type Money = z.infer<typeof money>;

/** The day on which a price was read in the vendor's list. */
export const priceDate = z.iso.date();

/**
 * What an attempt costs. `basis` says how that is known: `estimate` from our table of prices, `bound` is the vendor's own upper
 * bound, `actual` the vendor's own charge.
 */
export const cost = money.extend({
  basis: z.enum(['estimate', 'bound', 'actual']),
  priced_on: priceDate.nullable(),
});
export type Cost = z.infer<typeof cost>;

/**
 * The states of a charge. `reserved`: accepted and not ended; `charged`: the vendor charges it; `maybe`: that is not known; `none`: it
 * costs nothing. All but `none` count as spent.
 */
export const chargeStates = ['reserved', 'charged', 'maybe', 'none'] as const;

/** The cost of one attempt; it outlives the shot, the take and the film. */
export const charge = z.strictObject({
  attempt_id: z.string(),
  workspace_id: objectId,
  film_id: objectId,
  provider: z.string(),
  model: z.string(),
  state: z.enum(chargeStates),
  /** Null: the price is not known. */
  cost: cost.nullable(),
  accept_over_limit: z.boolean(),
  accept_unknown_price: z.boolean(),
  /** Of no two charges the same. */
  started_at: time,
  settled_at: time.nullable(),
});
export type Charge = z.infer<typeof charge>;

const limit = z.strictObject({
  scope: z.enum(['day', 'film']),
  limit: money,
  spent: money,
  /** Null: never by itself. */
  resets_at: time.nullable(),
});
export type Limit = z.infer<typeof limit>;

/** What was spent, with what is reserved and what is unclear. */
export const costs = z.strictObject({
  today: z.array(money),
  month: z.array(money),
  total: z.array(money),
  film: z.array(money).optional(),
  /** The part of `total` of which it is not known whether it was charged. */
  unclear: z.array(money),
  limits: z.array(limit),
  /** The newest 100. */
  charges: z.array(charge),
});
export type Costs = z.infer<typeof costs>;
