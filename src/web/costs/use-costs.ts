import { useCallback, useEffect, useRef, useState } from 'react';
import type { ErrorCode } from '../../contract/errors';
import type { Charge, Costs } from '../../contract/money';
import { ApiError, getCosts } from '../api';
import { daysBefore, mergeCharges } from './spending';

export const daysShown = 30;
const pageLength = 100;
const mostPages = 20;
const freshWithinMs = 15_000;

export type LoadedCosts = {
  costs: Costs | null;
  charges: readonly Charge[];
  /** Whether the server may have charges that are older than the ones here. */
  hasOlder: boolean;
  error: ErrorCode | 'NETWORK' | null;
  loadOlder: () => Promise<void>;
  refresh: () => Promise<void>;
};

type Loaded = Pick<LoadedCosts, 'costs' | 'charges' | 'hasOlder' | 'error'>;

/** What was spent, kept fresh while it is looked at: the charges of the last days, and older ones when they are asked for. */
export function useCosts(filmId: string | null, filmVersion: number | undefined): LoadedCosts {
  const [loaded, setLoaded] = useState<Loaded>({ costs: null, charges: [], hasOlder: false, error: null });

  const asked = useRef(0);
  const answered = useRef(0);

  const load = useCallback(
    async (before?: string): Promise<Charge[]> => {
      const turn = ++asked.current;
      const costs = await getCosts(filmId, before);
      // A slow answer may know less than one that was asked for later.
      const isLate = turn < answered.current;
      answered.current = Math.max(turn, answered.current);
      const isLast = costs.charges.length < pageLength;
      setLoaded((known) => ({
        costs: isLate ? known.costs : costs,
        charges: isLate ? mergeCharges(costs.charges, known.charges) : mergeCharges(known.charges, costs.charges),
        // The newest ones say nothing about what is behind the oldest.
        hasOlder: before || known.charges.length === 0 ? !isLast : known.hasOlder,
        error: null,
      }));
      return costs.charges;
    },
    [filmId],
  );
  const tryTo = useCallback(async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      setLoaded((known) => ({ ...known, error: error instanceof ApiError ? error.code : 'NETWORK' }));
    }
  }, []);
  const refresh = useCallback(() => tryTo(() => load()), [tryTo, load]);

  useEffect(() => {
    void tryTo(() => loadDays(load));
    const look = () => !document.hidden && void refresh();
    const timer = setInterval(look, freshWithinMs);
    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [load, tryTo, refresh]);

  // Its limit may be another one.
  useEffect(() => void refresh(), [refresh, filmVersion]);

  const loadOlder = () => tryTo(() => load(loaded.charges.at(-1)?.started_at));
  return { ...loaded, loadOlder, refresh };
}

/** Loads every charge of the days that are shown, page by page. */
async function loadDays(load: (before?: string) => Promise<Charge[]>): Promise<void> {
  const since = daysBefore(new Date(), daysShown).toISOString();
  let before: string | undefined;
  for (let pages = 0; pages < mostPages; pages++) {
    const page = await load(before);
    before = page.at(-1)?.started_at;
    if (page.length < pageLength || !before || before < since) return;
  }
}
