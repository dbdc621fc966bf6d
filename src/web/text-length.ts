/** A text against one of its limits. */
export type Count = { count: number; limit: number };

const characters = (text: string): number => [...text].length;

/**
 * A text against the limit that it is nearer to: that of the form, in code points, or that of a provider, in UTF-16 units, of
 * which an emoji or a rare character has two.
 */
export function countText(text: string, storedMax: number, providerMax: number): Count {
  const stored = { count: characters(text), limit: storedMax };
  const sent = { count: text.length, limit: providerMax };
  const isSentNearer = sent.count * stored.limit - stored.count * sent.limit || stored.limit - sent.limit;
  return isSentNearer > 0 ? sent : stored;
}

/** What a field may keep of a text that was just typed or pasted at `caret`: all of it, or as much as the form takes. */
export function fitText(text: string, caret: number, storedMax: number): string {
  const excess = characters(text) - storedMax;
  if (excess <= 0) return text;
  const before = [...text.slice(0, caret)];
  return before.slice(0, Math.max(0, before.length - excess)).join('') + text.slice(caret);
}
