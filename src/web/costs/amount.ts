const amount = /^\d{1,9}([.,]\d{0,6})?$/;

/** The millionths of an amount as it is typed, with a point or a comma; null for an empty field, undefined for anything else. */
export function parseAmount(typed: string): number | null | undefined {
  const words = typed.trim();
  if (words === '') return null;
  if (!amount.test(words)) return undefined;
  return Math.round(Number(words.replace(',', '.')) * 1_000_000);
}
