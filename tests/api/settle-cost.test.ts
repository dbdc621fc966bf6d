import { wire } from '../helpers/generating';
import { click, createsOf, doubles, ends, server, stored, useVendors, workspace } from '../helpers/vendors';

useVendors();

const settle = (body: object) => server.post('/api/costs/settle', body);
const costs = async () => (await server.get('/api/costs')).body;

/** A video whose create was taken, and whose answer was lost. */
async function doubtful() {
  const id = await workspace();
  await doubles.runway.script([{ match: wire.runway.create, times: 1, accept_then_die: true }]);
  await click(id, 'runway');
  const { video } = await stored(id);
  expect(video.error).toMatchObject({ code: 'SUBMIT_UNKNOWN', charged: 'maybe' });
  return { id, attempt_id: video.attempt_id!, cost: video.cost! };
}

test('a lost answer is unclear until it is settled; then the next click needs no acceptance', async () => {
  const { id, attempt_id, cost } = await doubtful();
  const amount = { currency: cost.currency, micros: cost.micros };
  expect(await costs()).toMatchObject({
    unclear: [amount],
    total: [amount],
    charges: [{ attempt_id, state: 'maybe' }],
  });
  expect((await click(id, 'runway')).body.error.code).toBe('SECOND_CHARGE_POSSIBLE');

  const { status, body } = await settle({ attempt_id, charged: false });
  expect({ status, body }).toMatchObject({ status: 200, body: { charge: { attempt_id, state: 'none', cost } } });
  expect((await stored(id)).video.error).toMatchObject({ charged: 'no' });
  expect(await costs()).toMatchObject({ unclear: [], total: [] });

  const creates = await createsOf(doubles.runway);
  expect((await click(id, 'runway')).status).toBe(202);
  expect(await createsOf(doubles.runway)).toBe(creates + 1);
  await ends(id);
});

test('what the user found in the account is what it cost', async () => {
  const { attempt_id } = await doubtful();
  const { body } = await settle({ attempt_id, charged: true, micros: 650_000 });
  expect(body.charge).toMatchObject({ state: 'charged', cost: { micros: 650_000, basis: 'actual', priced_on: null } });
});

test('a charge that is not unclear is not settled', async () => {
  const { charges } = await costs();
  for (const attempt_id of [charges[0].attempt_id, 'nobody']) {
    expect(await settle({ attempt_id, charged: true })).toMatchObject({
      status: 409,
      body: { error: { code: 'NOT_UNCLEAR' } },
    });
  }
});

test.each([
  [{}],
  [{ attempt_id: 'x' }],
  [{ attempt_id: 'x', charged: true, micros: -1 }],
  [{ attempt_id: 'x', charged: true, micros: 1e12 }],
])('%j is no settlement', async (body) => {
  expect(await settle(body)).toMatchObject({ status: 400, body: { error: { code: 'INVALID_INPUT' } } });
});
