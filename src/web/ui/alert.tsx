import type { ReactNode } from 'react';
import styles from './alert.module.css';
import { classes } from './classes';
import { Icon } from './icon';

/** What did not work, in a paragraph, and the buttons beside it; a calm one tells what the user wanted. */
export function Alert({ isCalm, children }: { isCalm?: boolean; children: ReactNode }) {
  return (
    <div className={classes(styles.alert, isCalm && styles.calm)} role="alert">
      {!isCalm && <Icon name="warning" />}
      {children}
    </div>
  );
}
