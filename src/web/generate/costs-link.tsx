import type { ReactNode } from 'react';
import { costsPath } from '../state/address';
import { canLeave } from '../state/go-to';
import { useStore } from '../state/store';
import styles from './costs-link.module.css';

/** The way from a shot to the page of costs. */
export function CostsLink({ children }: { children: ReactNode }) {
  const filmId = useStore((state) => state.filmId);
  return (
    <a className={styles.link} href={costsPath(filmId)} onClick={(event) => canLeave() || event.preventDefault()}>
      {children}
    </a>
  );
}
