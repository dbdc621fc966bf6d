import { useEffect, useRef } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { useText } from '../i18n';
import { canBeStored } from '../pictures/uploads';
import { announce } from '../state/notices';
import { useStore, type AppState } from '../state/store';
import styles from './save-state.module.css';

/**
 * Says whether everything is stored; "Saved" only when the server has every edit and every picture. It is read out when trouble
 * comes and goes, not after each pause in the typing.
 */
export function SaveState() {
  const text = useText();
  const { state, count } = useStore(useShallow(stateOf));
  const offlineKey = (['status.offlineNone', 'status.offlineOne'] as const)[count] ?? 'status.offline';
  const sentence = text(state === 'offline' ? offlineKey : `status.${state}`, { count });
  const said = useRef<AppState['state']>('saved');
  useEffect(() => {
    if (state === 'saving' || state === said.current) return;
    said.current = state;
    announce(state === 'saved' ? text('status.savedAgain') : sentence);
  }, [state, sentence, text]);

  return (
    <div className={styles.saveState} data-state={state} role="status" aria-live="off">
      <span className={styles.dot} aria-hidden="true" />
      <span>{sentence}</span>
    </div>
  );
}

function stateOf({ state, waiting, refused, uploads }: AppState): { state: AppState['state']; count: number } {
  const pictures = uploads.filter(canBeStored);
  const failed = pictures.filter(({ phase }) => phase === 'failed').length;
  if (state === 'offline') return { state, count: waiting + pictures.length };
  if (state === 'refused' || failed > 0) return { state: 'refused', count: refused.length + failed };
  return { state: pictures.length > 0 ? 'saving' : state, count: waiting };
}
