import { getOptions } from '../api';
import { filmIdOfAddress, isFilmsPage } from './address';
import { createSync } from '../sync/client';
import { batchTold } from './batches';
import { exportTold } from './exports';
import { leaveGoneFilm } from './films';
import { watchClips } from './notices';
import { keepOtherTexts } from './other-texts';
import { readPlace } from './place';
import { stillMarked } from './selection';
import { getState, setState } from './store';

const { protocol, host, origin } = window.location;
const optionsRetryMs = 3000;

const deletedHere = new Set<string>();
const client = createSync({
  url: `${protocol.replace('http', 'ws')}//${host}/ws`,
  baseUrl: origin,
  filmId: filmIdOfAddress,
  onOverwritten: keepOtherTexts,
  onFilmGone: filmGone,
  onExport: exportTold,
  onBatch: batchTold,
});

/** The one connection of this page. */
export const sync = {
  ...client,
  delete: (id: string): void => {
    deletedHere.add(id);
    client.delete(id);
  },
  restore: (id: string): void => {
    deletedHere.delete(id);
    client.restore(id);
  },
};

function filmGone(id: string): void {
  // The page of films has none of its own.
  if (isFilmsPage) return;
  // What is typed stays in the storage, and the page of films goes on with it.
  client.stop();
  leaveGoneFilm(id);
}

/** Whether it was this page that deleted a shot. */
export const wasDeletedHere = (id: string): boolean => deletedHere.has(id);

/** Connects, keeps the store in step with the replica, and loads what the form offers. */
export function startConnection(): void {
  sync.subscribe(() => {
    const before = getState();
    const snapshot = sync.getSnapshot();
    const isFirstList = snapshot.isLoaded && !before.isLoaded;
    const { shot: kept } = isFirstList ? readPlace(snapshot.filmId) : {};
    const wanted = kept && snapshot.byId[kept] ? kept : before.selectedId;
    const selectedId = stillThere(wanted, before.ids, snapshot.ids);
    setState({ ...snapshot, selectedId, marked: stillMarked(before.marked, snapshot.byId) });
    watchClips(before.byId, snapshot.byId);
  });
  window.addEventListener('online', sync.reconnectNow);
  window.addEventListener('pagehide', sync.leave);
  window.addEventListener('pageshow', sync.comeBack);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') sync.flush();
    else sync.reconnectNow();
  });
  sync.start();
  void loadOptions();
}

async function loadOptions(): Promise<void> {
  try {
    setState({ options: await getOptions() });
  } catch {
    setTimeout(() => void loadOptions(), optionsRetryMs);
  }
}

/** Keeps a shot chosen: the same, or the one that took its place. */
function stillThere(selected: string | null, before: readonly string[], ids: readonly string[]): string | null {
  if (ids.length === 0) return null;
  if (selected && ids.includes(selected)) return selected;
  const place = selected ? before.indexOf(selected) : 0;
  return ids[Math.min(Math.max(place, 0), ids.length - 1)] ?? null;
}
