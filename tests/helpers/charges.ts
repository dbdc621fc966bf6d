import type { Charge as WireCharge, Money } from '../../src/contract/money';
import { reserve, type Request } from '../../src/costs/reserve';
import { Charge, Spend, type StoredCharge } from '../../src/db/charge';
import { Film } from '../../src/db/film';
import { film_id } from '../fixtures/workspaces';
import { idOf } from './attempts';

export const usd = (units: number): Money => ({ currency: 'USD', micros: units * 1_000_000 });

/** A click whose video costs that many dollars by our table; null is not known. */
export const requestOf = (units: number | null, more: Partial<Request> = {}): Request => ({
  attempt_id: idOf('attempt'),
  workspace_id: '0000000000000000000000a1',
  film_id,
  provider: 'runway',
  model: 'gen4.5',
  cost: units === null ? null : { ...usd(units), basis: 'estimate', priced_on: '2026-09-24' },
  accept_over_limit: false,
  accept_unknown_price: false,
  ...more,
});

/** Reserves the cost of an attempt, and returns its charge. */
export async function reserved(units: number | null, more: Partial<Request> = {}): Promise<StoredCharge> {
  const request = requestOf(units, more);
  await reserve(request);
  return chargeOf(request.attempt_id);
}

/** The charge of an attempt as it is stored. */
export const chargeOf = async (attemptId: string): Promise<StoredCharge> =>
  (await Charge.findOne({ attempt_id: attemptId }).lean<StoredCharge>())!;

/** How many charges there are in each state. */
export async function states(): Promise<Partial<Record<WireCharge['state'], number>>> {
  const charges = await Charge.find().lean<StoredCharge[]>();
  const count = (state: string) => charges.filter((charge) => charge.state === state).length;
  return Object.fromEntries([...new Set(charges.map(({ state }) => state))].map((state) => [state, count(state)]));
}

/** Gives the film of the tests a limit. */
export async function limitFilm(limit: Money | null): Promise<void> {
  await Film.updateOne({ _id: film_id }, { $set: { 'settings.spend_limit': limit } }, { upsert: true });
}

/** Removes every charge, and the film with its limit. */
export const forgetCosts = () => Promise.all([Charge.deleteMany({}), Spend.deleteMany({}), Film.deleteMany({})]);
