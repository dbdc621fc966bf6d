import { useText } from '../i18n';
import { countOf, runningBatch } from '../state/batches';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import styles from './batch-progress.module.css';

/** How far the batch of this film is; a press shows its shots. */
export function BatchProgress() {
  const text = useText();
  const batch = useStore(runningBatch);
  if (!batch) return null;
  const made = countOf(batch, 'completed');
  const count = batch.items.length;
  return (
    <Button size="small" className={styles.button} onClick={() => setState({ dialog: 'generate-all' })}>
      {text('batch.progress', { made, count })}
      <span className={styles.track} aria-hidden="true">
        <span style={{ width: `${(made / count) * 100}%` }} />
      </span>
    </Button>
  );
}
