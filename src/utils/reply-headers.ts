/** Whoever asks for more is asked again after a day; a timer can hold less than a month. */
const longestRetryAfterMs = 24 * 3600 * 1000;

/** Reads `Retry-After`, which is a number of seconds or a date, as milliseconds between 0 and a day. */
export function readRetryAfter(value: string | undefined): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.min(longestRetryAfterMs, Math.max(0, waitMs));
}

/** The address of a `Location`: Node reads each byte of it as one character, and some hosts send the raw bytes of UTF-8. */
export const toAscii = (location?: string): string | undefined =>
  location?.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
