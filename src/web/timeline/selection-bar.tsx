import { useShallow } from 'zustand/react/shallow';
import { useText } from '../i18n';
import { duplicate, remove } from '../state/row';
import { chosenIds } from '../state/selection';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import styles from './selection-bar.module.css';

/** What can be done with the chosen shot, or with several at once. */
export function SelectionBar() {
  const text = useText();
  const ids = useStore(useShallow(chosenIds));
  const count = useStore((state) => state.ids.length);
  if (ids.length === 0) return null;
  const isMany = ids.length > 1;
  const name = text(isMany ? 'selection.many' : 'selection.one', { count: ids.length });
  return (
    <div className={styles.selection} role="group" aria-label={name}>
      {isMany && <strong aria-live="polite">{name}</strong>}
      <Button size="small" onClick={() => duplicate(ids)}>
        {text('selection.duplicate')}
      </Button>
      <Button size="small" disabled={ids.length === count} onClick={() => setState({ dialog: { move: ids } })}>
        {text('selection.move')}
      </Button>
      {isMany && (
        <>
          <Button size="small" onClick={() => remove(ids)}>
            {text('common.delete')}
          </Button>
          <Button size="small" onClick={() => setState({ dialog: { generate: ids } })}>
            {text('common.generate')}
          </Button>
        </>
      )}
    </div>
  );
}
