import type { Batch } from '../../contract/batch';
import { cancel } from '../generate/generation';
import { refusalText } from '../generate/refusal';
import { useText } from '../i18n';
import { waitsForNumber } from '../state/batches';
import { useStore } from '../state/store';
import { IconButton } from '../ui/icon-button';
import { ShotRow } from './shot-row';
import styles from './batch-item.module.css';

type Item = Batch['items'][number];

/** One shot of a batch: where it stands and why, and to take it out while it is not made. */
export function BatchItem({ item }: { item: Item }) {
  const text = useText();
  const { workspace_id: id, state } = item;
  const number = useStore(({ ids }) => ids.indexOf(id) + 1);
  const isOpen = state === 'waiting' || state === 'generating';
  return (
    <ShotRow
      id={id}
      leads={state === 'failed'}
      note={
        <span className={styles.state} data-state={state}>
          <Where item={item} />
        </span>
      }
    >
      {isOpen && number > 0 && (
        <IconButton icon="close" label={text('batch.cancelShot', { number })} onClick={() => void cancel(id)} />
      )}
    </ShotRow>
  );
}

function Where({ item: { workspace_id: id, state, reason } }: { item: Item }) {
  const text = useText();
  return useStore((all) => {
    const number = state === 'waiting' ? waitsForNumber(all, id) : null;
    if (number !== null) return text('card.waitingFor', { number });
    const word = text(`batch.state.${state}`);
    const provider = all.byId[id]?.video.provider;
    const why = reason && reason.code !== 'CANCELLED' ? refusalText(text, { ...reason, provider }) : '';
    return [word, why].filter(Boolean).join(' · ');
  });
}
