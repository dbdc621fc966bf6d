/** The delay after that many consecutive failures: doubles from `firstMs` up to `longestMs`, plus up to 20 % of jitter. */
export const backoffMs = (failures: number, firstMs: number, longestMs: number): number =>
  Math.min(longestMs, firstMs * 2 ** Math.max(0, failures)) * (1 + Math.random() * 0.2);
