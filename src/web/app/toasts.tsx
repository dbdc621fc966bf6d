import { hideToast } from '../state/notices';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import styles from './toasts.module.css';

/** Short news at the edge of the page, above the timeline unless there is none; each leaves by itself. */
export function Toasts({ isLow }: { isLow?: boolean }) {
  const toasts = useStore((state) => state.toasts);
  return (
    <div className={classes(styles.toasts, isLow && styles.low)} aria-live="polite">
      {toasts.map(({ id, text, action }) => (
        <div className={styles.toast} data-testid="toast" key={id}>
          <span>{text}</span>
          {action && (
            <Button
              size="small"
              onClick={() => {
                hideToast(id);
                action.run();
              }}
            >
              {action.label}
            </Button>
          )}
        </div>
      ))}
    </div>
  );
}
