import { useShallow } from 'zustand/react/shallow';
import { useText } from '../i18n';
import { useStore, type AppState } from '../state/store';
import { canBeStored } from '../state/uploads';

/** Says whether everything is stored; "Saved" only when the server has every edit and every picture. */
export function SaveState() {
  const text = useText();
  const { state, count } = useStore(useShallow(stateOf));
  return (
    <div className={`save-state is-${state}`} role="status">
      <span className="save-dot" aria-hidden="true" />
      <span>{text(state === 'offline' && count === 1 ? 'status.offlineOne' : `status.${state}`, { count })}</span>
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
