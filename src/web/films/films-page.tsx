import { useRef } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { PageFrame } from '../app/page-frame';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { byRecency, openWhenStored, titleOf } from '../state/films';
import { say, showToast } from '../state/notices';
import { getState, useStore } from '../state/store';
import { isStoredFilm } from '../sync/films';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { FilmRow } from './film-row';
import styles from './films-page.module.css';
import { GoneFilm } from './gone-film';
import { useFreshFilms } from './use-fresh-films';

/** All films: to open one, and what is done to a whole one. */
export function FilmsPage() {
  const text = useText();
  const films = useStore(useShallow((state) => byRecency(state.films)));
  const isLoaded = useStore((state) => state.areFilmsLoaded);
  const isCreating = useStore(({ films: all, state }) => state !== 'offline' && !all.every(isStoredFilm));
  const heading = useRef<HTMLHeadingElement>(null);
  useFreshFilms();

  const create = () => {
    const id = sync.films.create();
    // Where the server is away, it stands in the list until that is back.
    if (getState().state !== 'offline') openWhenStored(id);
  };
  const remove = (id: string) => {
    const film = films.find(({ _id }) => _id === id);
    sync.films.delete(id);
    heading.current?.focus();
    const undo = { label: say('undo.bringBack'), run: () => sync.films.restore(id) };
    showToast(say('films.deleted', { title: titleOf(film) }), undo);
  };

  return (
    <PageFrame
      start={
        <h1 className={styles.heading} ref={heading} tabIndex={-1}>
          {text('films.name')}
        </h1>
      }
    >
      <main className={styles.main}>
        <GoneFilm />
        <Button kind="primary" disabled={isCreating} onClick={create}>
          <Icon name="plus" /> {text('films.new')}
        </Button>
        {!isLoaded && films.length === 0 && <p className="muted">{text('films.loading')}</p>}
        <ul className={styles.films} role="list" aria-label={text('films.name')}>
          {films.map((film) => (
            <FilmRow key={film._id} film={film} onDelete={remove} />
          ))}
        </ul>
      </main>
    </PageFrame>
  );
}
