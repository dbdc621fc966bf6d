import { newFilmSettings } from '../../contract/defaults';
import type { Film, FilmChanges, FilmSettings } from '../../contract/film';
import type { ServerMessage } from '../../contract/messages';
import type { FilmMessage, Waiting } from './outbox';

/** The films that the server is known to hold, and those that were deleted in this session. */
export type Films = { byId: Map<string, Film>; trash: Map<string, Film>; isLoaded: boolean };

export const createFilms = (): Films => ({ byId: new Map(), trash: new Map(), isLoaded: false });

const unstoredVersion = -1;

/** Whether the server has this film, so that it can be opened. */
export const isStoredFilm = ({ version }: Film): boolean => version !== unstoredVersion;

/** The default film: the oldest one; undefined until the list was loaded. */
export function defaultFilmOf({ byId, isLoaded }: Films): string | undefined {
  return isLoaded ? [...byId.values()].sort(byAge)[0]?._id : undefined;
}

/** Applies what the server tells of a film; true where a list must tell what is missing. */
export function applyFilmPush(films: Films, message: ServerMessage): boolean {
  if (message.type === 'film.created') {
    films.byId.set(message.film._id, message.film);
    films.trash.delete(message.film._id);
  }
  if (message.type === 'film.deleted') {
    const film = films.byId.get(message.film_id);
    if (film) films.trash.set(film._id, film);
    films.byId.delete(message.film_id);
  }
  if (message.type !== 'film.updated') return false;
  return advanceFilm(films, message.film_id, message.version, message.changes);
}

/** Brings a film to a version; true where versions before it are missing. */
export function advanceFilm(films: Films, id: string, version: number, changes: FilmChanges, at?: string): boolean {
  const film = films.byId.get(id);
  if (!film) return true;
  if (version <= film.version) return version < film.version;
  const updatedAt = at ?? new Date().toISOString();
  films.byId.set(id, { ...withFilmChanges(film, changes), version, updated_at: updatedAt });
  return version > film.version + 1;
}

/** The films that a person sees, oldest first: those of the server with the waiting edits applied. */
export function viewFilms({ byId, trash }: Films, outbox: Waiting[]): Film[] {
  const view = new Map([...byId.values()].sort(byAge).map((film) => [film._id, film]));
  for (const { message } of outbox) if (isFilmMessage(message)) applyWaiting(view, trash, message);
  const oldest = view.keys().next().value;
  return [...view.values()].map((film) => {
    const isDefault = film._id === oldest;
    return film.is_default === isDefault ? film : { ...film, is_default: isDefault };
  });
}

const isFilmMessage = (message: Waiting['message']): message is FilmMessage => message.type.startsWith('film.');

function applyWaiting(view: Map<string, Film>, trash: Films['trash'], message: FilmMessage): void {
  const { film_id: id } = message;
  const film = view.get(id);
  if (message.type === 'film.create' && !film) view.set(id, provisionalFilm(id, message.title, message.settings));
  if (message.type === 'film.update' && film) view.set(id, withFilmChanges(film, message.updates));
  if (message.type === 'film.delete') view.delete(id);
  if (message.type === 'film.restore' && !film && trash.has(id)) view.set(id, trash.get(id)!);
  if (message.type !== 'film.duplicate' || !film || view.has(message.new_film_id)) return;
  const copy = provisionalFilm(message.new_film_id, message.title ?? film.title, film.settings);
  const { shots, duration_s, poster_url } = film;
  view.set(copy._id, { ...copy, shots, duration_s, poster_url });
}

/** A copy with these changes. */
function withFilmChanges(film: Film, changes: FilmChanges): Film {
  const { title = film.title, ...dotted } = changes;
  const entries = Object.entries(dotted).map(([key, value]) => [key.replace('settings.', ''), value]);
  const settings = { ...film.settings, ...(Object.fromEntries(entries) as Partial<FilmSettings>) };
  const { music_path: path } = settings;
  if ('settings.music_path' in changes) settings.music_url = path && `/${path}`;
  return { ...film, title, settings };
}

function provisionalFilm(id: string, title = '', settings: Partial<FilmSettings> = {}): Film {
  const now = new Date().toISOString();
  return {
    _id: id,
    title,
    is_default: false,
    settings: { ...newFilmSettings, ...settings },
    shots: 0,
    duration_s: 0,
    poster_url: null,
    version: unstoredVersion,
    created_at: now,
    updated_at: now,
  };
}

const byAge = (a: Film, b: Film): number =>
  a.created_at === b.created_at ? compare(a._id, b._id) : compare(a.created_at, b.created_at);

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
