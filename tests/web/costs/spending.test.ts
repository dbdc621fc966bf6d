import type { Charge } from '../../../src/contract/money';
import { addUp, byDay, byModel, inLastDays, mergeCharges } from '../../../src/web/costs/spending';

let count = 0;
const charge = (more: Partial<Charge> = {}): Charge => ({
  attempt_id: `attempt-${++count}`,
  workspace_id: 'a'.repeat(24),
  film_id: 'b'.repeat(24),
  provider: 'runway',
  model: 'gen4.5',
  state: 'charged',
  cost: { currency: 'USD', micros: 600_000, basis: 'actual', priced_on: null },
  accept_over_limit: false,
  accept_unknown_price: false,
  started_at: new Date(2026, 4, 10, 12).toISOString(),
  settled_at: null,
  ...more,
});
const yuan = { currency: 'CNY', micros: 3_000_000, basis: 'estimate', priced_on: '2026-05-01' } as const;

it('adds up each currency for itself', () => {
  const usd = (micros: number) => ({ currency: 'USD' as const, micros });
  expect(addUp([usd(1), { currency: 'CNY', micros: 5 }, usd(2)])).toEqual([usd(3), { currency: 'CNY', micros: 5 }]);
});

it('counts a model without what costs nothing, and with what has no known price', () => {
  const charges = [
    charge(),
    charge({ state: 'none' }),
    charge({ state: 'maybe', cost: null }),
    charge({ provider: 'kling', model: 'kling-3.0', state: 'reserved', cost: yuan }),
  ];
  expect(byModel(charges)).toEqual([
    { provider: 'runway', model: 'gen4.5', count: 2, amounts: [{ currency: 'USD', micros: 600_000 }] },
    { provider: 'kling', model: 'kling-3.0', count: 1, amounts: [{ currency: 'CNY', micros: 3_000_000 }] },
  ]);
});

it('puts the model first on which the most was spent, and one without a known price last', () => {
  const cost = (micros: number) => ({ currency: 'USD', micros, basis: 'actual', priced_on: null }) as const;
  const charges = [
    charge({ model: 'unknown', cost: null }),
    charge({ model: 'unknown', cost: null }),
    charge({ model: 'cheap', cost: cost(1) }),
    charge({ model: 'cheap', cost: cost(1) }),
    charge({ model: 'yuan', cost: yuan }),
    charge({ model: 'dear', cost: cost(3) }),
  ];
  expect(byModel(charges).map(({ model }) => model)).toEqual(['dear', 'cheap', 'yuan', 'unknown']);
});

it('lists every day up to today, also those on which nothing was spent and the clock was changed', () => {
  const days = byDay(
    [charge(), charge({ cost: yuan }), charge({ started_at: new Date(2026, 3, 1).toISOString() })],
    'USD',
    new Date(2026, 4, 11, 0, 30),
    3,
  );
  expect(days).toEqual([
    { date: '2026-05-09', micros: 0 },
    { date: '2026-05-10', micros: 600_000 },
    { date: '2026-05-11', micros: 0 },
  ]);
  expect(new Set(byDay([], 'USD', new Date(2026, 10, 20), 60).map(({ date }) => date)).size).toBe(60);
});

it('takes the charges of the days that it counts, and no older ones', () => {
  const old = charge({ started_at: new Date(2026, 4, 8, 23, 59).toISOString() });
  const early = charge({ started_at: new Date(2026, 4, 9, 0, 1).toISOString() });
  expect(inLastDays([early, old], new Date(2026, 4, 11, 12), 3)).toEqual([early]);
});

it('puts newer states of charges in the place of older ones, the newest charge first', () => {
  const first = charge({ state: 'maybe' });
  const second = charge({ started_at: new Date(2026, 4, 11).toISOString() });
  const settled = { ...first, state: 'none' as const };
  expect(mergeCharges([first], [second, settled])).toEqual([second, settled]);
});
