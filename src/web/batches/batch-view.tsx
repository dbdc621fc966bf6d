import { useEffect, useRef, type ReactNode } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { Batch } from '../../contract/batch';
import { RequestFault } from '../export/request-fault';
import { useRequest } from '../export/use-request';
import { useText } from '../i18n';
import { batchWords, endedPart, failedIn, isStopping } from '../state/batches';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { Progress } from '../ui/progress';
import { ApiError } from '../api';
import { BatchItem } from './batch-item';
import styles from './batch-sheet.module.css';
import { FailedSum } from './failed-sum';
import { ShotList } from './shot-list';
import { startBatch, stopBatch } from './start-batch';

type Props = {
  batch: Batch;
  /** Whether it is all that the sheet shows; else it is the last one, below what would be made now. */
  isWhole?: true;
  onStarted: (id: string) => void;
  /** Some of its failed shots cannot be made as they are. */
  onRefused: (failed: readonly string[]) => void;
  children?: ReactNode;
};

/** How far a batch is: each shot with its state, and what can be done with the whole. */
export function BatchView({ batch, isWhole, onStarted, onRefused, children }: Props) {
  const text = useText();
  const { run, isBusy, fault } = useRequest();
  const { _id: id, items, status } = batch;
  const failed = useStore(useShallow((state) => failedIn(batch, state)));
  const hasFailed = failed.length > 0;
  const head = useRef<HTMLDivElement>(null);
  // The button that was pressed is gone; a second Enter must not meet the one that cancels.
  useEffect(() => {
    if (isWhole) head.current?.focus();
  }, [isWhole, id]);
  const again = async () => {
    try {
      onStarted(await startBatch({ workspace_ids: failed }, {}, false));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'BATCH_BLOCKED') throw error;
      onRefused(failed);
    }
  };

  return (
    <>
      {!isWhole && <h3 className={styles.last}>{text('batch.lastRun')}</h3>}
      <div ref={head} className={styles.head} tabIndex={-1}>
        <Progress label={batchWords(batch)} part={endedPart(batch)} isCounted />
      </div>
      {isStopping(batch) && <p className="muted">{text('batch.cancelling')}</p>}
      <ShotList name={text('batch.name')} count={items.length}>
        {items.map((item) => (
          <BatchItem key={item.workspace_id} item={item} />
        ))}
      </ShotList>
      {status === 'running' && <p className="muted">{text('batch.asStored')}</p>}
      <RequestFault fault={fault} />
      <div className={styles.buttons}>
        {children}
        {status === 'running' && (
          <Button disabled={isBusy} onClick={() => void run(async () => stopBatch(id))}>
            {text('batch.cancelAll')}
          </Button>
        )}
        {hasFailed && <FailedSum ids={failed} />}
        {hasFailed && (
          <Button kind={isWhole && 'primary'} disabled={isBusy} onClick={() => void run(again)}>
            {text('batch.again')}
          </Button>
        )}
      </div>
    </>
  );
}
