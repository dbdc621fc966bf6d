/** Timers by name; setting one again replaces it. */
export function createTimers() {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  function clear(name: string): void {
    clearTimeout(timers.get(name));
    timers.delete(name);
  }

  return {
    set(name: string, work: () => void, waitMs: number): void {
      clear(name);
      timers.set(name, setTimeout(work, waitMs));
    },
    clear,
    clearAll: () => [...timers.keys()].forEach(clear),
  };
}
