import type { FilmChanges, FilmSettings } from '../../contract/film';
import type { EditOptions } from './edits';
import { newId } from './new-id';
import { append, type FilmMessage } from './outbox';
import type { Persistence } from './persist';
import type { Snapshots } from './snapshot';
import type { ClientState } from './state';
import { createTimers } from './timers';

type Parts = { state: ClientState; persistence: Persistence; snapshots: Snapshots };

type NewFilm = { title?: string; settings?: Partial<FilmSettings> };

/** What a person does with films: it is shown at once, stored, and sent until it is answered. */
export function createFilmEdits({ state, persistence, snapshots }: Parts, { debounceMs = 300 }: EditOptions) {
  const typingTimers = createTimers();

  function enqueue(message: FilmMessage, waitMs = 0): void {
    append(state.outbox, message).notBefore = waitMs && Date.now() + waitMs;
    // Storing it sends it, unless it waits for a pause in the typing.
    if (waitMs > 0) typingTimers.set(message.film_id, persistence.persist, waitMs + 1);
    persistence.persist();
    snapshots.refreshFilms();
  }

  return {
    /** Makes an empty film; returns its id. */
    create(film: NewFilm = {}): string {
      const id = newId();
      enqueue({ type: 'film.create', request_id: newId(), film_id: id, ...film });
      return id;
    },
    /** Changes the title, or settings by dotted keys such as `settings.fps`. */
    update: (id: string, updates: FilmChanges): void =>
      enqueue({ type: 'film.update', request_id: newId(), film_id: id, updates }, debounceMs),
    delete: (id: string): void => enqueue({ type: 'film.delete', request_id: newId(), film_id: id }),
    restore: (id: string): void => enqueue({ type: 'film.restore', request_id: newId(), film_id: id }),
    /** Copies a film, with all edits that wait now; returns the id of the copy. */
    duplicate(id: string, title?: string): string {
      const copyId = newId();
      const named = title !== undefined && { title };
      enqueue({ type: 'film.duplicate', request_id: newId(), film_id: id, new_film_id: copyId, ...named });
      return copyId;
    },
    /** Sends what is typed now, without waiting for a pause in the typing. */
    flush(): void {
      typingTimers.clearAll();
      const typed = state.outbox.filter(({ message, sends }) => message.type === 'film.update' && sends === 0);
      typed.forEach((entry) => (entry.notBefore = 0));
      if (typed.length > 0) persistence.persist();
    },
  };
}
