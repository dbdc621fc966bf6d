import { useMemo, useState } from 'react';
import type { AcceptedOfBatch } from '../api';
import { RequestFault } from '../export/request-fault';
import { useRequest } from '../export/use-request';
import { useText } from '../i18n';
import { Button } from '../ui/button';
import { closeDialog } from '../ui/modal';
import styles from './batch-sheet.module.css';
import { BatchBeyond } from './batch-beyond';
import { BatchLimits } from './batch-limits';
import { BatchSum } from './batch-sum';
import { MissingShots } from './missing-shots';
import { ReadyShots } from './ready-shots';
import { startBatch, type BatchChoice, type Which } from './start-batch';
import { usePreflight } from './use-preflight';

type Props = {
  chosen?: readonly string[];
  only: BatchChoice;
  onChoose: (only: BatchChoice) => void;
  onStarted: (id: string) => void;
};

const choices: BatchChoice[] = ['changed', 'failed', 'all'];

/** What would be made and what cannot be, before anything is paid. */
export function Preflight({ chosen, only, onChoose, onStarted }: Props) {
  const text = useText();
  const which: Which = useMemo(() => (chosen ? { workspace_ids: chosen } : { only }), [chosen, only]);
  const [accepted, setAccepted] = useState<AcceptedOfBatch>({});
  const { preview, fault } = usePreflight(which, accepted);
  const { run, isBusy, fault: refusal } = useRequest();
  const isReady = preview !== null && preview.ready.length > 0;
  const isEmpty = preview !== null && preview.ready.length === 0;
  const start = () =>
    run(async () => onStarted(await startBatch(which, accepted, preview !== null && preview.blocked.length > 0)));

  return (
    <>
      {!chosen && (
        <fieldset className={styles.choice}>
          <legend>{text('batch.which')}</legend>
          {choices.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="batch-choice"
                data-first={one === only || undefined}
                checked={one === only}
                onChange={() => onChoose(one)}
              />
              {text(`batch.only.${one}`)}
            </label>
          ))}
          <p className="muted">{text(`batch.hint.${only}`)}</p>
        </fieldset>
      )}
      {!preview && !fault && <p className="muted">{text('batch.loading')}</p>}
      {preview && <ReadyShots ready={preview.ready} />}
      {preview && <MissingShots blocked={preview.blocked} />}
      {preview && <BatchSum preview={preview} />}
      {preview && (
        <BatchLimits preview={preview} onAccept={(more) => setAccepted((before) => ({ ...before, ...more }))} />
      )}
      {preview && <BatchBeyond preview={preview} accepted={accepted} onTakeBack={() => setAccepted({})} />}
      {isReady && <p className="muted">{text('batch.asStored')}</p>}
      <RequestFault fault={refusal ?? fault} />
      <div className={styles.buttons}>
        {isEmpty && <p id="batch-why">{text(preview.blocked.length > 0 ? 'batch.noneReady' : 'generateAll.none')}</p>}
        <Button onClick={closeDialog}>{text('generateAll.notNow')}</Button>
        <Button
          kind="primary"
          disabled={!isReady || isBusy}
          aria-describedby={isEmpty ? 'batch-why' : undefined}
          onClick={() => void start()}
        >
          {text('generateAll.start')}
        </Button>
      </div>
    </>
  );
}
