import { Icon } from './icon';
import styles from './mark.module.css';

/** The sign of the product. */
export function Mark() {
  return (
    <span className={styles.mark} aria-hidden="true">
      <Icon name="play" />
    </span>
  );
}
