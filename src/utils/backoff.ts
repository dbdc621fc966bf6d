/** The pause after that many failures in a row: it doubles from `firstMs` to `longestMs`, with up to 20 % of jitter on top. */
export const backoffMs = (failures: number, firstMs: number, longestMs: number): number =>
  Math.min(longestMs, firstMs * 2 ** Math.max(0, failures)) * (1 + Math.random() * 0.2);
