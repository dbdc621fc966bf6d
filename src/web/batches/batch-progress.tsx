import { useText } from '../i18n';
import { batchWords, endedPart, isStopping, runningBatch } from '../state/batches';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import { Track } from '../ui/track';
import styles from './batch-progress.module.css';

/** How far the batch of this film is; a press shows its shots. */
export function BatchProgress() {
  // The words follow the language.
  useText();
  const batch = useStore(runningBatch);
  if (!batch) return null;
  return (
    <Button size="small" className={styles.button} onClick={() => setState({ dialog: 'generate-all' })}>
      {batchWords(batch)}
      <Track part={endedPart(batch)} isStopping={isStopping(batch)} />
    </Button>
  );
}
