import type { ReactNode } from 'react';
import styles from './shot-list.module.css';

/** A named list of shots, with how many they are; nothing where there are none. It scrolls, also by the keyboard. */
export function ShotList({ name, count, children }: { name: string; count: number; children: ReactNode }) {
  if (count === 0) return null;
  return (
    <section className={styles.list} aria-label={name}>
      <h3>
        {name} <span className="muted">{count}</span>
      </h3>
      <ul className={styles.rows} tabIndex={0} aria-label={name}>
        {children}
      </ul>
    </section>
  );
}
