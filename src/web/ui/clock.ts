/** Seconds as people read a clock: 1:05. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** The same to a tenth of a second: 1:05.2. */
export function clockTenths(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${clockTime(Math.floor(tenths / 10))}.${tenths % 10}`;
}
