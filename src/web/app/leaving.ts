import { canBeStored } from '../pictures/uploads';
import { getState, useStore, type AppState } from '../state/store';

/** Lets the browser ask before the page is left while a picture is in this window only; words outlive a reload. */
export function watchLeaving(): void {
  let isAsking = false;
  const watch = ({ uploads }: AppState) => {
    const mustAsk = uploads.some(canBeStored);
    if (mustAsk === isAsking) return;
    isAsking = mustAsk;
    // Not there for longer than needed: a browser keeps no page with it for the way back.
    if (mustAsk) window.addEventListener('beforeunload', ask);
    else window.removeEventListener('beforeunload', ask);
  };
  useStore.subscribe(watch);
  watch(getState());
}

const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
