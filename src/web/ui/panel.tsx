import type { ReactNode } from 'react';
import { classes } from './classes';
import styles from './panel.module.css';

/** One of the named parts beside the player. */
export function Panel({ label, className, children }: { label: string; className?: string; children?: ReactNode }) {
  return (
    <section className={classes(styles.panel, className)} aria-label={label}>
      {children}
    </section>
  );
}
