/**
 * The JSON of each `data:` line, for servers that answer with an event stream though none was asked for, or of each line, for
 * those that send JSON line by line; [] for anything else.
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
