import type { Cost, Limit } from '../contract/money';
import { addCharge, Charge, Spend, type StoredCharge } from '../db/charge';
import { ignoreDuplicate } from '../db/mongodb';
import { AppError } from '../utils/errors';
import { processId } from '../utils/process-id';
import { createQueues } from '../utils/queue';
import { amountText } from './amounts';
import { limitsFor } from './limits';

const spendId = 'spend';

export type Request = Pick<StoredCharge, 'attempt_id' | 'provider' | 'model' | 'cost'> & {
  workspace_id: string;
  film_id: string;
  accept_over_limit: boolean;
  accept_unknown_price: boolean;
};

const oneByOne = createQueues();

/**
 * Reserves what an attempt may cost; the write that reserves is the write that decides, so that no number of clicks and servers passes
 * a limit. Throws SPEND_LIMIT_REACHED or PRICE_UNKNOWN, with nothing reserved.
 */
export const reserve = (request: Request): Promise<void> => oneByOne(['spend'], () => decide(request));

async function decide(request: Request): Promise<void> {
  for (;;) {
    const latest = await settleLatest();
    refuseBeyond(await limitsFor(request.film_id), request);
    const charge: StoredCharge = {
      ...request,
      state: 'reserved',
      started_at: new Date(Math.max(Date.now(), (latest?.started_at.getTime() ?? 0) + 1)),
      settled_at: null,
      owner: processId,
      epoch: 0,
    };
    if (!(await replaceLatest(latest, charge))) continue;
    await addCharge(charge);
    return;
  }
}

/** Copies the newest charge to the others, in case that the process that reserved it ended before it did so; returns it. */
export async function settleLatest(): Promise<StoredCharge | null> {
  const spend = await Spend.findById(spendId).lean<{ latest: StoredCharge | null }>();
  if (!spend) await Spend.create({ _id: spendId }).catch(ignoreDuplicate);
  if (spend?.latest) await addCharge(spend.latest);
  return spend?.latest ?? null;
}

/** Whether no other charge was reserved since `latest` was read, so that all that was spent was counted. */
async function replaceLatest(latest: StoredCharge | null, charge: StoredCharge): Promise<boolean> {
  const unchanged = { _id: spendId, 'latest.attempt_id': latest?.attempt_id ?? null };
  const { matchedCount } = await Spend.updateOne(unchanged, { $set: { latest: charge } });
  return matchedCount > 0;
}

/** Takes a reservation back whose attempt was not stored. */
export async function takeBack(attemptId: string): Promise<void> {
  // It stays as `none`, since another server may be about to copy it once more; `reconcileCharges` removes it.
  const unclaimed = { attempt_id: attemptId, state: 'reserved', epoch: 0 } as const;
  await Charge.updateOne(unclaimed, { $set: { state: 'none', settled_at: new Date() } });
}

type Asked = Pick<Request, 'model' | 'cost' | 'accept_over_limit' | 'accept_unknown_price'>;

/** Throws SPEND_LIMIT_REACHED or PRICE_UNKNOWN for what would pass one of these limits. */
export function refuseBeyond(limits: Limit[], asked: Asked): void {
  const { cost, accept_over_limit, accept_unknown_price, model } = asked;
  if (limits.length === 0) return;
  if (!cost) {
    if (accept_unknown_price) return;
    const message = `The price of ${model} is not known, and a spending limit is in force; send accept_unknown_price: true to generate anyway.`;
    throw new AppError('PRICE_UNKNOWN', message);
  }
  const passed = limits.find(
    ({ limit, spent }) => limit.currency === cost.currency && spent.micros + cost.micros > limit.micros,
  );
  if (passed && !accept_over_limit) throw limitReached(passed, cost);
}

function limitReached({ scope, limit, spent, resets_at }: Limit, cost: Cost): AppError {
  const name = scope === 'day' ? 'limit per day' : 'limit of this film';
  const reset = resets_at ? `it resets at ${resets_at}` : 'it does not reset by itself';
  const message =
    `The ${name} is ${amountText(limit)}: ${amountText(spent)} are spent or reserved and this video needs about ` +
    `${amountText(cost)}; ${reset}. Raise the limit, or send accept_over_limit: true to generate anyway.`;
  return new AppError('SPEND_LIMIT_REACHED', message);
}
