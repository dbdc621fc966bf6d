import { amountText, costOf } from '../../src/costs/amounts';

test.each([
  [420_000, '0.42 USD'],
  [0, '0.00 USD'],
  [20_000_000, '20.00 USD'],
  [64_500, '0.0645 USD'],
  [1, '0.000001 USD'],
])('%i millionths are written as %s', (micros, text) => {
  expect(amountText({ currency: 'USD', micros })).toBe(text);
});

test('the charge of a vendor counts more than its bound, and without either there is no cost', () => {
  const bound = { currency: 'USD', micros: 900_000 } as const;
  const charge = { currency: 'USD', micros: 600_000 } as const;
  expect(costOf({ bound, charge })).toEqual({ ...charge, basis: 'actual', priced_on: null });
  expect(costOf({ bound })).toEqual({ ...bound, basis: 'bound', priced_on: null });
  expect(costOf({})).toBeUndefined();
});
