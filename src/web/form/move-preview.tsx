import { classes } from '../ui/classes';
import styles from './move-preview.module.css';
import './moves.css';

type Props = { movement: string; picture: string | null; className?: string };

/** A small moving picture of a camera movement, on the shot's own image. */
export function MovePreview({ movement, picture, className }: Props) {
  const move = `move-${/^[a-z0-9_]+$/.test(movement) ? movement : 'none'}`;
  return (
    <span className={classes(styles.preview, className)} aria-hidden="true">
      {picture ? (
        <span className={classes(styles.picture, move)} style={{ backgroundImage: `url("${picture}")` }} />
      ) : (
        <span className={classes(styles.picture, styles.blank, move)} />
      )}
    </span>
  );
}
