import { useEffect } from 'react';
import { sync } from '../state/connection';
import { getState } from '../state/store';

const freshWithinMs = 15_000;

/** Asks for the films now and then, while they are looked at: no message tells of their shots, lengths and posters. */
export function useFreshFilms(): void {
  useEffect(() => {
    const load = () => {
      if (!document.hidden && getState().state !== 'offline') void sync.films.load();
    };
    const timer = setInterval(load, freshWithinMs);
    document.addEventListener('visibilitychange', load);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', load);
    };
  }, []);
}
