import { backoffMs } from '../../src/utils/backoff';

test('a pause doubles with each failure, up to the longest one', () => {
  const pauses = [0, 1, 2, 3, 4, 5].map((failures) => backoffMs(failures, 100, 1000));
  for (const [index, leastMs] of [100, 200, 400, 800, 1000, 1000].entries()) {
    expect(pauses[index]).toBeGreaterThanOrEqual(leastMs);
    expect(pauses[index]).toBeLessThanOrEqual(leastMs * 1.2);
  }
});

test('two that failed at the same moment do not come back at the same moment', () => {
  expect(new Set(Array.from({ length: 20 }, () => backoffMs(3, 100, 10_000))).size).toBeGreaterThan(1);
});

test('a count below zero is as good as no failure', () => {
  expect(backoffMs(-3, 100, 1000)).toBeGreaterThanOrEqual(100);
});
