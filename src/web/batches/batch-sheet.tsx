import { useState } from 'react';
import { useText } from '../i18n';
import { batchIn, batchWords, countFailed, runningBatch } from '../state/batches';
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
  const shown = useStore((state) => batchIn(state, shownId));
  const last = useStore(({ batches }) => batches[0]);
  const hasFailed = useStore((state) => countFailed(last, state) > 0);
  const show = (id: string) => {
    setIsChoosing(false);
    setShownId(id);
  };
  const choose = (wanted: BatchChoice) => {
    setOnly(wanted);
    setIsChoosing(true);
  };
  const title = chosen ? text('batch.titleChosen', { count: chosen.length }) : text('top.generateAll');

  return (
    <Modal title={title} className={styles.sheet}>
      {shown && !isChoosing ? (
        <BatchView batch={shown} isWhole onStarted={show} onRefused={() => choose('failed')}>
          <Button onClick={() => setIsChoosing(true)}>{text('batch.other')}</Button>
        </BatchView>
      ) : (
        <>
          {running && (
            <Button className={styles.running} onClick={() => show(running._id)}>
              {batchWords(running)}
            </Button>
          )}
          <Preflight chosen={chosen} only={only} onChoose={setOnly} onStarted={show} />
          {last && !chosen && hasFailed && (
            <BatchView batch={last} onStarted={show} onRefused={() => choose('failed')} />
          )}
        </>
      )}
    </Modal>
  );
}
