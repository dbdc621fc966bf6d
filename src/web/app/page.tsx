import { lazy, Suspense, type ComponentType } from 'react';
import { useText } from '../i18n';
import { isFilmsPage, isTimeline } from '../state/address';
import { App } from './app';

const FilmsPage = lazyPage(async () => (await import('../films/films-page')).FilmsPage);
const CostsPage = lazyPage(async () => (await import('../costs/costs-page')).CostsPage);

/** What the address of the page shows: the films, the costs, or the timeline of a film. */
export function Page() {
  if (isTimeline) return <App />;
  return <Suspense fallback={<Loading />}>{isFilmsPage ? <FilmsPage /> : <CostsPage />}</Suspense>;
}

function lazyPage(load: () => Promise<ComponentType>) {
  return lazy(async () => {
    try {
      return { default: await load() };
    } catch {
      return { default: NotLoaded };
    }
  });
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
