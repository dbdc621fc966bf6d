import type { Film } from '../../contract/film';
import type { ServerMessage } from '../../contract/messages';
import { advanceFilm, applyFilmPush, defaultFilmOf } from './films';
import type { Waiting } from './outbox';
import type { Rest } from './rest';
import type { Snapshots } from './snapshot';
import { nameFilm, type ClientState } from './state';

type Parts = { state: ClientState; rest: Rest; snapshots: Snapshots };

export type FilmListOptions = {
  /** The film of this page; default: the one that is the default film when the page first meets the server. */
  filmId?: string;
  /** Told when the film of this page is no longer there; a page without a `filmId` goes on with the next default film. */
  onFilmGone?: (filmId: string) => void;
};

const maxStaleLoads = 3;

export type FilmList = ReturnType<typeof createFilmList>;

/** Keeps the list of all films, and the film of this page. */
export function createFilmList({ state, rest, snapshots }: Parts, options: FilmListOptions) {
  let running: Promise<boolean> | null = null;
  let isWanted = false;
  let abort = new AbortController();
  /** Grows with everything that is told of a film: a list that was requested before may be stale. */
  let epoch = 0;

  /** Loads the list; false when the server does not answer. */
  function load(): Promise<boolean> {
    isWanted = true;
    return (running ??= loadWhileWanted().finally(() => (running = null)));
  }

  async function loadWhileWanted(): Promise<boolean> {
    for (let staleLoads = 0; ;) {
      isWanted = false;
      const startedAt = epoch;
      abort = new AbortController();
      const reply = await rest<{ films?: Film[] }>('/api/films', abort);
      if (!reply && isWanted) continue;
      if (!reply) return false;
      const isStale = startedAt !== epoch && ++staleLoads < maxStaleLoads;
      if (!isStale) takeIn(reply.films ?? []);
      if (!isStale && !isWanted) return true;
    }
  }

  function takeIn(list: Film[]): void {
    state.films.byId = new Map(list.map((film) => [film._id, film]));
    list.forEach(({ _id: id }) => state.films.trash.delete(id));
    state.films.isLoaded = true;
    findOwn();
  }

  /** Learns which film is the default one, and whether that of this page is still there. */
  function findOwn(): void {
    const { byId } = state.films;
    const gone = state.filmId !== null && state.films.isLoaded && !byId.has(state.filmId) ? state.filmId : null;
    if (gone && !options.filmId) state.filmId = null;
    nameFilm(state, defaultFilmOf(state.films));
    snapshots.refreshFilms();
    if (gone) options.onFilmGone?.(gone);
  }

  return {
    load,
    disconnected: (): void => abort.abort(),
    /** Applies what the server tells of a film. */
    apply(message: ServerMessage): void {
      epoch++;
      if (applyFilmPush(state.films, message)) void load();
      findOwn();
    },
    /** The server tells its author only the version of an update; the values are in the message. */
    applyOwn({ message, sends }: Waiting, version: number, updatedAt: string): void {
      if (message.type !== 'film.update') return;
      epoch++;
      const hasGap = advanceFilm(state.films, message.film_id, version, message.updates, updatedAt);
      // The answer to a repeated message may include what others have changed since.
      if (hasGap || sends > 1) void load();
      snapshots.refreshFilms();
    },
  };
}
