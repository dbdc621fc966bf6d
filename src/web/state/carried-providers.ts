import { sync } from './connection';
import { providerOf } from './providers';
import { useStore } from './store';

const storageKey = 'providers';
const unusedKeys = ['pictures'];

/** Stores the providers that 1.0.0 remembered in this browser only with the shots of this film, once. */
export function carryProvidersOver(): void {
  const remembered = read();
  if (!remembered) return;
  const stop = useStore.subscribe(({ isLoaded, byId, options }) => {
    if (!isLoaded || !options) return;
    stop();
    const others = { ...remembered };
    for (const [id, shot] of Object.entries(byId)) {
      const name = remembered[id];
      delete others[id];
      const isChosen = name !== undefined && shot.form_data.provider === '';
      const isUsual = name === providerOf({ options }, { provider: '' })?.name;
      if (isChosen && !isUsual) sync.update(id, { 'form_data.provider': name });
    }
    if (Object.keys(others).length > 0) localStorage.setItem(storageKey, JSON.stringify(others));
    else localStorage.removeItem(storageKey);
  });
}

function read(): Record<string, string> | null {
  try {
    unusedKeys.forEach((key) => localStorage.removeItem(key));
    return JSON.parse(localStorage.getItem(storageKey) ?? 'null') as Record<string, string> | null;
  } catch {
    return null;
  }
}
