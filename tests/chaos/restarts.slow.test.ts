import { runRestarts } from './restarts';

test('a restart under load loses no acknowledged edit, and tells the browsers that it is one', async () => {
  const result = await runRestarts({ restarts: 4, print: () => undefined });
  expect(result).toMatchObject({ ok: true, lost: 0, appliedTwice: 0, late: 0, exitCodes: { 0: 4 } });
  expect(result.closes).toEqual({ 1012: 4 * 8 });
  expect(result.acknowledged).toBeGreaterThan(50);
}, 60_000);
