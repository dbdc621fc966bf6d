/**
 * The JSON of each `data:` line, for servers that stream events unasked, or of each line, for servers that send JSON lines;
 * [] for anything else.
 */
export function readEvents(text: string): Record<string, unknown>[] {
  return text.split(/\r\n|\r|\n/).flatMap((line) => {
    const [, json] = /^\uFEFF?(?:data:)?\s*(\{[^]*)$/.exec(line) ?? [];
    if (json === undefined) return [];
    try {
      return [JSON.parse(json) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}
