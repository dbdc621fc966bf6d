import { useStore } from './store';

/** Calls `work` at every connection of the page of a film, for what was told while there was none. */
export function onConnected(work: () => void): void {
  let isConnected = false;
  useStore.subscribe(({ filmId, isLoaded, state }) => {
    const was = isConnected;
    isConnected = filmId !== null && isLoaded && state !== 'offline';
    if (isConnected && !was) work();
  });
}
