/** The JSON of each `data:` line, for servers that answer with an event stream though none was asked for; [] for anything else. */
export function readEvents(text: string): Record<string, unknown>[] {
  return text.split(/\r?\n/).flatMap((line) => {
    if (!line.startsWith('data:')) return [];
    try {
      const event = JSON.parse(line.slice('data:'.length)) as Record<string, unknown> | null;
      return typeof event === 'object' && event !== null ? [event] : [];
    } catch {
      return [];
    }
  });
}
