import { useEffect, useRef } from 'react';

/**
 * Where the keyboard goes when a row of a list is done and goes away: to the row that takes its place, else to the heading. The
 * function it returns says that a row is about to go.
 */
export function useFocusAfter(ids: readonly string[], headingId: string, rowId: (id: string) => string) {
  const going = useRef<{ id: string; place: number } | null>(null);
  useEffect(() => {
    if (!going.current || ids.includes(going.current.id)) return;
    const next = ids[Math.min(going.current.place, ids.length - 1)];
    going.current = null;
    // Whoever has moved on meanwhile stays there.
    if (document.activeElement !== document.body) return;
    document.getElementById(next === undefined ? headingId : rowId(next))?.focus();
  });
  return (id: string): void => {
    going.current = { id, place: ids.indexOf(id) };
  };
}
