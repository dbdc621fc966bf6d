import { classes } from './classes';
import styles from './progress.module.css';

type Props = {
  label: string;
  /** 0 to 1; null where nobody tells. */
  part: number | null;
  /** What stands at the other end of the line. */
  note?: string;
};

/** What is being done, and how far it is. */
export function Progress({ label, part, note }: Props) {
  const percent = part === null ? null : Math.round(part * 100);
  return (
    <div className={styles.progress}>
      <div className={styles.line}>
        <strong>{label}</strong>
        <span className="muted">{[percent !== null && `${percent} %`, note].filter(Boolean).join(' · ')}</span>
      </div>
      <div
        className={classes(styles.track, percent === null && styles.unknown)}
        role="progressbar"
        aria-label={label}
        aria-valuenow={percent ?? undefined}
      >
        <span style={percent === null ? undefined : { width: `${percent}%` }} />
      </div>
    </div>
  );
}
