import { runCosts } from './costs';

test('what the vendors billed is what the costs say, whatever becomes of a video and whenever the server is killed', async () => {
  const result = await runCosts({ outcomes: 60, kills: 6, seed: 20261129, print: () => undefined });
  expect(result).toMatchObject({ ok: true, outcomes: 60, kills: 6, faults: [] });
  expect(result.settled).toBe(result.billed);
  expect(result.charges.reserved).toBeUndefined();
  expect(result.charges.charged).toBeGreaterThan(20);
  expect(result.charges.none).toBeGreaterThan(0);
  expect(result.charges.maybe).toBeGreaterThan(0);
}, 150_000);
