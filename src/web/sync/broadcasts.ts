import type { ServerMessage } from '../../contract/messages';
import type { FilmList } from './film-list';
import type { List } from './list';
import type { Persistence } from './persist';
import { applyPush } from './replica';
import type { Snapshots } from './snapshot';
import type { ClientState } from './state';

type Parts = { state: ClientState; films: FilmList; list: List; persistence: Persistence; snapshots: Snapshots };

const gapTimeoutMs = 150;

export type Broadcasts = ReturnType<typeof createBroadcasts>;

/** Applies what the server broadcasts to the replica, and loads the list where something is missing. */
export function createBroadcasts({ state, films, list, persistence, snapshots }: Parts) {
  /** Broadcasts that arrived before the first list of the connection. */
  let early: ServerMessage[] = [];
  let gapTimer: ReturnType<typeof setTimeout> | undefined;

  function apply(message: ServerMessage, beforeId?: string): void {
    // The answer to an edit of a page that is gone.
    const filmId = message.type === 'workspace.created' ? message.workspace.film_id : state.filmId;
    if (state.filmId && filmId !== state.filmId) return snapshots.refresh();
    const { id, isOrderChanged, hasGap } = applyPush(state.replica, message, beforeId);
    if (isOrderChanged) list.structureChanged();
    if (hasGap && isOrderChanged) void list.load();
    else if (hasGap) loadAfterGap();
    snapshots.refresh([...(id ? [id] : []), ...persistence.settle()]);
  }

  function loadAfterGap(): void {
    clearTimeout(gapTimer);
    gapTimer = setTimeout(() => {
      if (state.replica.outOfOrder.size > 0 || state.outbox.some((entry) => entry.settledBy)) void list.load();
    }, gapTimeoutMs);
  }

  return {
    /** Applies a message at once; `beforeId` is where this page wanted the workspace that it made. */
    apply,
    /** Applies a message, or keeps it until the first list of the connection is there. */
    receive(message: ServerMessage): void {
      if (message.type.startsWith('film.')) films.apply(message);
      else if (state.isReady) apply(message);
      else early.push(message);
    },
    applyEarly: (): void => early.splice(0).forEach((message) => apply(message)),
    /** Loads the list unless the missing change, or the effect of each acknowledged message, arrives in time. */
    loadAfterGap,
    disconnected: (): void => void (early = []),
    stop: () => clearTimeout(gapTimer),
  };
}
