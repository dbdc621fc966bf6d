import { classes } from './classes';
import styles from './track.module.css';

/** A thin line along the bottom of a positioned button, filled up to a part of 0 to 1; grey while the work is being stopped. */
export const Track = ({ part, isStopping = false }: { part: number; isStopping?: boolean }) => (
  <span className={classes(styles.track, isStopping && styles.stopping)} aria-hidden="true">
    <span style={{ width: `${part * 100}%` }} />
  </span>
);
