import type { ReactNode } from 'react';
import styles from './exchange.module.css';

/** What was said to the assistant, and under it what came of it. */
export function Exchange({ said, children }: { said: string; children: ReactNode }) {
  return (
    <div className={styles.exchange}>
      <p className={styles.said}>{said}</p>
      {children}
    </div>
  );
}
