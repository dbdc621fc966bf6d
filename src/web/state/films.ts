import { newFilmSettings } from '../../contract/defaults';
import type { Film, FilmSettings } from '../../contract/film';
import { isStoredFilm } from '../sync/films';
import { filmPath, filmsPath, isCostsPage, isFilmsPage } from './address';
import { goTo } from './go-to';
import { landedMark, say } from './notices';
import { getState, useStore, type AppState } from './store';

const goneKey = 'gone-film';

/** The film of this page, undefined while it is not known. */
export const ownFilm = ({ films, filmId }: Pick<AppState, 'films' | 'filmId'> = getState()): Film | undefined =>
  films.find(({ _id: id }) => id === filmId);

/** The settings of this page's film; those of a new one until it is known. */
export const useFilmSettings = (): FilmSettings => useStore(settingsOf);

/** The settings of the film of a page; those of a new one until it is known. */
export const settingsOf = (state: Pick<AppState, 'films' | 'filmId'>): FilmSettings =>
  ownFilm(state)?.settings ?? newFilmSettings;

/** A film's title; one without has a word in its place. */
export const titleOf = (film: Film | undefined): string => film?.title.trim() || say('films.untitled');

/** The most recently changed film first. */
export const byRecency = (films: readonly Film[]): Film[] =>
  [...films].sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));

/** Opens a film as soon as the server has it. */
export function openWhenStored(id: string): void {
  let stop = (): void => undefined;
  const look = ({ films }: AppState) => {
    const film = films.find(({ _id }) => _id === id);
    if (!film || !isStoredFilm(film)) return;
    stop();
    goTo(filmPath(id));
  };
  stop = useStore.subscribe(look);
  look(getState());
}

/** Keeps the title of the window that of the film. */
export function watchTitle(): void {
  const show = (state: AppState, before?: AppState) => {
    const isSame = state.films === before?.films && state.language === before.language;
    if (!isSame && !document.title.startsWith(landedMark)) document.title = pageTitle();
  };
  useStore.subscribe(show);
  show(getState());
}

/** What the window is called. */
function pageTitle(): string {
  const name = isFilmsPage ? say('films.name') : isCostsPage ? say('costs.name') : ownFilm()?.title.trim();
  return name ? `${name} · ${say('app.title')}` : say('app.title');
}

type GoneFilm = { id: string; title: string | null };

/** Goes to the page of films, which says that this film is gone; its address would lead nowhere again. */
export function leaveGoneFilm(id: string): void {
  const isKnown = getState().isLoaded;
  const gone: GoneFilm = { id, title: isKnown ? lastTitle : null };
  try {
    sessionStorage.setItem(goneKey, JSON.stringify(gone));
  } catch {
    // Then the page of films says nothing about it.
  }
  window.location.replace(filmsPath);
}

/** The film whose page was left because it is gone; told once. */
export function takeGoneFilm(): GoneFilm | null {
  try {
    const stored = sessionStorage.getItem(goneKey);
    sessionStorage.removeItem(goneKey);
    return stored ? (JSON.parse(stored) as GoneFilm) : null;
  } catch {
    return null;
  }
}

let lastTitle = '';
useStore.subscribe((state) => {
  lastTitle = ownFilm(state)?.title ?? lastTitle;
});
