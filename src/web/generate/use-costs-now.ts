import { useEffect, useState } from 'react';
import type { Costs } from '../../contract/money';
import { getCosts } from '../api';
import { useStore } from '../state/store';

/** What was spent, as it is when something is shown for the first time; null until that is known. */
export function useCostsNow(isWanted = true): Costs | null {
  const filmId = useStore((state) => state.filmId);
  const [costs, setCosts] = useState<Costs | null>(null);
  useEffect(() => {
    if (!isWanted) return;
    let isHere = true;
    getCosts(filmId).then(
      (told) => isHere && setCosts(told),
      () => undefined,
    );
    return () => {
      isHere = false;
    };
  }, [filmId, isWanted]);
  return costs;
}
