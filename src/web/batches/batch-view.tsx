import type { ReactNode } from 'react';
import type { Batch } from '../../contract/batch';
import { RequestFault } from '../export/request-fault';
import { useRequest } from '../export/use-request';
import { useText } from '../i18n';
import { batchWords, countOf, isUnderWay } from '../state/batches';
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
  onStarted: (id: string) => void;
  /** Some of the failed shots cannot be made as they are. */
  onRefused: () => void;
  children?: ReactNode;
};

/** How far a batch is: each shot with its state, and what can be done with the whole. */
export function BatchView({ batch, onStarted, onRefused, children }: Props) {
  const text = useText();
  const { run, isBusy, fault } = useRequest();
  const { _id: id, items, status } = batch;
  const hasFailed = !isUnderWay(batch) && countOf(batch, 'failed') > 0;
  const ended = items.filter(({ state }) => state !== 'waiting' && state !== 'generating').length;
  const again = async () => {
    try {
      onStarted(await startBatch({ only: 'failed' }, {}, false));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'BATCH_BLOCKED') throw error;
      onRefused();
    }
  };

  return (
    <>
      <Progress label={batchWords(batch)} part={ended / items.length} />
      {status === 'cancelled' && isUnderWay(batch) && <p className="muted">{text('batch.cancelling')}</p>}
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
        {hasFailed && <FailedSum />}
        {hasFailed && (
          <Button kind="primary" disabled={isBusy} onClick={() => void run(again)}>
            {text('batch.again')}
          </Button>
        )}
      </div>
    </>
  );
}
