import { say, showToast } from './notices';
import { getState } from './store';

/** Whether the server can give another page; else a sentence says why this one stays. */
export function canLeave(): boolean {
  if (getState().state !== 'offline') return true;
  showToast(say('error.NETWORK'));
  return false;
}

/** Opens another address; one that is left from a dialog has no entry for that dialog in the history. */
export function goTo(path: string): void {
  if (!canLeave()) return;
  const { isOfDialog } = (history.state ?? {}) as { isOfDialog?: boolean };
  if (isOfDialog) window.location.replace(path);
  else window.location.assign(path);
}
