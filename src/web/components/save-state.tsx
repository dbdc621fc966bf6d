import { useText } from '../i18n';
import { useStore } from '../state/store';

/** Says whether everything is stored; "Saved" only when the server has acknowledged every edit. */
export function SaveState() {
  const text = useText();
  const state = useStore((store) => store.state);
  const count = useStore((store) => (store.state === 'refused' ? store.refused.length : store.waiting));
  return (
    <div className={`save-state is-${state}`} role="status">
      <span className="save-dot" aria-hidden="true" />
      <span>{text(state === 'offline' && count === 1 ? 'status.offlineOne' : `status.${state}`, { count })}</span>
    </div>
  );
}
