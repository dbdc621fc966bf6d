import { classes } from './classes';
import styles from './progress.module.css';

type Props = {
  label: string;
  /** 0 to 1; null where nobody tells. */
  part: number | null;
  /** What stands at the other end of the line. */
  note?: string;
  /** Whether the label counts already, so that no percentage stands beside it. */
  isCounted?: boolean;
};

/** What is being done, and how far it is. */
export function Progress({ label, part, note, isCounted }: Props) {
  const percent = part === null ? null : Math.round(part * 100);
  return (
    <div className={styles.progress}>
      <div className={styles.line}>
        <strong>{label}</strong>
        <span className="muted">
          {[percent !== null && !isCounted && `${percent} %`, note].filter(Boolean).join(' · ')}
        </span>
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
