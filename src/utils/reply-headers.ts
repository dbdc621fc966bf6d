/** Retry-After is capped at one day: timers overflow after 24.8 days. */
const longestRetryAfterMs = 24 * 3600 * 1000;

/** Reads `Retry-After`, a number of seconds or a date, as milliseconds between 0 and one day. */
export function readRetryAfter(value: string | undefined): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.min(longestRetryAfterMs, Math.max(0, waitMs));
}

/** A `Location` header as ASCII: Node decodes each byte as one character, and some hosts send raw UTF-8. */
export const toAscii = (location?: string): string | undefined =>
  location?.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
