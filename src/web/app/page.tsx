import { lazy, Suspense, type ComponentType } from 'react';
import { useText } from '../i18n';
import { isFilmsPage } from '../state/address';
import { App } from './app';

const FilmsPage = lazy(async (): Promise<{ default: ComponentType }> => {
  try {
    return { default: (await import('../films/films-page')).FilmsPage };
  } catch {
    return { default: NotLoaded };
  }
});

/** What the address of the page shows: the films, or the timeline of one. */
export function Page() {
  if (!isFilmsPage) return <App />;
  return (
    <Suspense fallback={<Loading />}>
      <FilmsPage />
    </Suspense>
  );
}

function NotLoaded() {
  const text = useText();
  return <p role="alert">{text('films.notLoaded')}</p>;
}

function Loading() {
  const text = useText();
  return (
    <p className="muted" role="status">
      {text('common.loading')}
    </p>
  );
}
