import { getOptions } from '../api';
import { createSync } from '../sync/client';
import { watchClips } from './notices';
import { getState, setState } from './store';

const { protocol, host, origin } = window.location;
const optionsRetryMs = 3000;

/** The one connection of this page. */
export const sync = createSync({ url: `${protocol.replace('http', 'ws')}//${host}/ws`, baseUrl: origin });

/** Connects, keeps the store in step with the replica, and loads what the form offers. */
export function startConnection(): void {
  sync.subscribe(() => {
    const before = getState();
    const snapshot = sync.getSnapshot();
    setState({ ...snapshot, selectedId: stillThere(before.selectedId, before.ids, snapshot.ids) });
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
