import { useState, type SyntheticEvent } from 'react';
import { useText } from '../i18n';
import { announce, say } from '../state/notices';
import { moveTo } from '../state/row';
import { getState, numberOf } from '../state/store';
import { Button } from '../ui/button';
import { closeDialog, Modal } from '../ui/modal';
import styles from './move-dialog.module.css';

const formId = 'move-form';

/** Asks for the number of the place that shots move to. */
export function MoveDialog({ ids }: { ids: readonly string[] }) {
  const text = useText();
  const first = numberOf(ids[0] ?? '');
  const [typed, setTyped] = useState(String(first));
  // The last of them stands at the end where they move to the last place.
  const last = getState().ids.length - ids.length + 1;
  const title = ids.length === 1 ? text('move.one', { number: first }) : text('move.many', { count: ids.length });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const number = Math.min(Math.max(Math.trunc(Number(typed)) || 1, 1), last);
    closeDialog();
    moveTo(ids, number - 1);
    announce(say('timeline.dropped', { number, count: getState().ids.length }));
  };

  return (
    <Modal
      title={title}
      buttons={
        <>
          <Button onClick={closeDialog}>{text('common.cancel')}</Button>
          <Button kind="primary" type="submit" form={formId}>
            {text('move.move')}
          </Button>
        </>
      }
    >
      <form id={formId} className={styles.form} onSubmit={submit}>
        <label htmlFor="move-place">{text('move.place', { last })}</label>
        <input
          data-first
          id="move-place"
          type="number"
          inputMode="numeric"
          min={1}
          max={last}
          required
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
          onFocus={({ target }) => target.select()}
        />
      </form>
    </Modal>
  );
}
