import { getState, setState, useStore } from '../state/store';

let isGoingBack = false;

const isOfDialog = (): boolean => (history.state as { isOfDialog?: boolean } | null)?.isOfDialog === true;

/** Gives an open dialog an entry in the history, so that Back closes it; one that is closed otherwise takes its entry along. */
export function watchDialogs(): void {
  window.addEventListener('popstate', moved);
  useStore.subscribe(({ dialog }, before) => {
    if (dialog !== before.dialog) fitHistory();
  });
  // A reload closes the dialog, and leaves its entry.
  fitHistory();
}

function moved(): void {
  const isByPerson = !isGoingBack;
  isGoingBack = false;
  if (isByPerson && !isOfDialog() && getState().dialog) setState({ dialog: null });
  // Also after a step forward, to the entry of a dialog that is closed.
  else fitHistory();
}

function fitHistory(): void {
  // Only one step at a time: the browser makes it later.
  if (isGoingBack) return;
  const isOpen = getState().dialog !== null;
  if (isOpen && !isOfDialog()) history.pushState({ isOfDialog: true }, '');
  if (isOpen || !isOfDialog()) return;
  isGoingBack = true;
  history.back();
}
