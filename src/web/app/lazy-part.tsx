import { lazy, useEffect, type ComponentType } from 'react';
import { say, showToast } from '../state/notices';
import { closeDialog } from '../ui/modal';

const soonMs = 1500;

/** A window that is loaded by itself a little later than the page, so that the page is there sooner. */
export function lazyPart(load: () => Promise<ComponentType>) {
  const loadOnce = () => (loading ??= load().then(asDefault, () => asDefault(NotLoaded)));
  let loading: Promise<{ default: ComponentType }> | undefined;
  // Before it is needed: by then the server may be away.
  setTimeout(() => void loadOnce(), soonMs);
  return lazy(loadOnce);
}

const asDefault = (part: ComponentType) => ({ default: part });

function NotLoaded() {
  useEffect(() => {
    closeDialog();
    showToast(say('films.notLoaded'));
  }, []);
  return null;
}
