import { runBatches } from './batches';

test('two servers that are killed while they make one batch create each shot once, and never more at a time than allowed', async () => {
  const result = await runBatches({ shots: 30, kills: 4, servers: 2, seed: 20261129, print: () => undefined });
  expect(result).toMatchObject({ ok: true, creates: 30, batches: 1, states: { completed: 30 }, wrongSources: 0 });
  expect(result.mostAtOnce).toBeGreaterThan(1);
}, 300_000);
