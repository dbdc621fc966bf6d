import type { Batch } from '../../contract/batch';
import { ChargedWords } from '../generate/charged-words';
import { cancel } from '../generate/generation';
import { useText } from '../i18n';
import { waitsForNumber } from '../state/batches';
import { useStore } from '../state/store';
import { IconButton } from '../ui/icon-button';
import { mayBeCharged, reasonWords } from './item-words';
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

function Where({ item }: { item: Item }) {
  const text = useText();
  const { workspace_id: id, state } = item;
  const shot = useStore(({ byId }) => byId[id]);
  const number = useStore((all) => (state === 'waiting' ? waitsForNumber(all, id) : null));
  if (number !== null) return text('card.waitingFor', { number });
  const words = [text(`batch.state.${state}`), reasonWords(text, item, shot)].filter(Boolean).join(' · ');
  if (!shot || !mayBeCharged(item, shot)) return words;
  return (
    <>
      {words} · <ChargedWords video={shot.video} code="CANCELLED" charged="maybe" isOfClick={false} />
    </>
  );
}
