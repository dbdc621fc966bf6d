/** Strings by name that this browser keeps across reloads; the newest `kept` of them. */
export function rememberedRecord(storageKey: string, kept: number) {
  let known: Record<string, string> | null = null;

  function read(): Record<string, string> {
    try {
      known ??= JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Record<string, string>;
    } catch {
      known = {};
    }
    return known;
  }

  function set(values: Record<string, string>): void {
    const others = Object.entries(read()).filter(([name]) => !(name in values));
    known = Object.fromEntries([...others, ...Object.entries(values)].slice(-kept));
    try {
      localStorage.setItem(storageKey, JSON.stringify(known));
    } catch {
      // Without storage it is remembered until the reload.
    }
  }

  /** Calls the listener when another window of this browser has stored something. */
  function watch(listener: (all: Record<string, string>) => void): void {
    window.addEventListener('storage', (event) => {
      if (event.key !== storageKey) return;
      known = null;
      listener(read());
    });
  }

  return { read, set, watch };
}
