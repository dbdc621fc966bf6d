import { useState } from 'react';
import { useText } from '../i18n';
import { batchIn, batchWords, failedIn, runningBatch } from '../state/batches';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { Modal } from '../ui/modal';
import styles from './batch-sheet.module.css';
import { BatchView } from './batch-view';
import { Preflight } from './preflight';
import type { BatchChoice } from './start-batch';

type Props = {
  /** The shots that were chosen for it; without, those of a kind. */
  chosen?: readonly string[];
};

/** Many shots at once: what would be made, and then how far it is. */
export function BatchSheet({ chosen }: Props) {
  const text = useText();
  const running = useStore(runningBatch);
  // One that another window starts does not take the place of what this one is about to start.
  const [shownId, setShownId] = useState<string | null>(running?._id ?? null);
  const [isChoosing, setIsChoosing] = useState(chosen !== undefined);
  const [only, setOnly] = useState<BatchChoice>('changed');
  const [failed, setFailed] = useState<readonly string[] | null>(null);
  const shown = useStore((state) => batchIn(state, shownId));
  const last = useStore(({ batches }) => batches[0]);
  const hasFailed = useStore((state) => failedIn(last, state).length > 0);
  const show = (id: string) => {
    setIsChoosing(false);
    setShownId(id);
  };
  const choose = (these: readonly string[] | null) => {
    setFailed(these);
    setIsChoosing(true);
  };
  const title = chosen ? text('batch.titleChosen', { count: chosen.length }) : text('top.generateAll');

  return (
    <Modal title={title} className={styles.sheet}>
      {shown && !isChoosing ? (
        <BatchView batch={shown} isWhole onStarted={show} onRefused={choose}>
          <Button onClick={() => choose(null)}>{text('batch.other')}</Button>
        </BatchView>
      ) : (
        <>
          {running && (
            <Button className={styles.running} onClick={() => show(running._id)}>
              {batchWords(running)}
            </Button>
          )}
          {failed && (
            <div className={styles.failed}>
              <p className="muted">{text('batch.hint.again')}</p>
              <Button size="small" onClick={() => choose(null)}>
                {text('batch.other')}
              </Button>
            </div>
          )}
          <Preflight chosen={failed ?? chosen} only={only} onChoose={setOnly} onStarted={show} />
          {last && !chosen && !failed && hasFailed && <BatchView batch={last} onStarted={show} onRefused={choose} />}
        </>
      )}
    </Modal>
  );
}
