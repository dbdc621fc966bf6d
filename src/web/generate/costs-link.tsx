import type { ReactNode } from 'react';
import { costsPath } from '../state/address';
import { canLeave } from '../state/go-to';
import { useStore } from '../state/store';
import { Link } from '../ui/link';

/** The way from a shot to the page of costs. */
export function CostsLink({ children }: { children: ReactNode }) {
  const filmId = useStore((state) => state.filmId);
  return (
    <Link href={costsPath(filmId)} onClick={(event) => canLeave() || event.preventDefault()}>
      {children}
    </Link>
  );
}
