import { emptyForm } from '../../src/contract/defaults';
import { estimateOf } from '../../src/costs/prices';
import { anyModel } from '../fixtures/models';
import { usd } from '../helpers/charges';

const form = { ...emptyForm, duration_s: 5 };
const price = { resolution: null, audio: null, currency: 'USD', micros_per_s: 40_000 } as const;

test('an estimate is the price of a second times the length, with the date of the price', () => {
  expect(estimateOf(anyModel, form)).toEqual({ ...usd(0.5), basis: 'estimate', priced_on: anyModel.priced_on });
});

test('a video costs at least what one costs at least', () => {
  expect(estimateOf({ ...anyModel, prices: [{ ...price, min_micros: 640_000 }] }, form)).toMatchObject(usd(0.64));
});

test.each([
  [{ resolution: '720p', audio: false }, 0.2],
  [{ resolution: '720p', audio: true }, 0.3],
  [{ resolution: '1080p', audio: false }, 0.4],
  [{ resolution: '', audio: false }, 0.2],
])('the price of %j is the one of its row: %d USD', (chosen, units) => {
  const prices = [
    { ...price, resolution: '720p', audio: false, micros_per_s: 40_000 },
    { ...price, resolution: '720p', audio: true, micros_per_s: 60_000 },
    { ...price, resolution: '1080p', micros_per_s: 80_000 },
  ];
  expect(estimateOf({ ...anyModel, prices }, { ...form, ...chosen })).toMatchObject(usd(units));
});

test('without a row that fits, the price is not known', () => {
  expect(estimateOf({ ...anyModel, prices: [] }, form)).toBeNull();
  expect(estimateOf({ ...anyModel, prices: [{ ...price, resolution: '4k' }] }, form)).toBeNull();
});
