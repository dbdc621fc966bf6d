/** What a field may keep of a text that was just typed or pasted at `caret`: all of it, or as much as the form takes, in UTF-16 units. */
export function fitText(text: string, caret: number, storedMax: number): string {
  const excess = text.length - storedMax;
  if (excess <= 0) return text;
  const kept = text.slice(0, Math.max(0, caret - excess));
  // Never half of a pair.
  return (kept.isWellFormed() ? kept : kept.slice(0, -1)) + text.slice(caret);
}
