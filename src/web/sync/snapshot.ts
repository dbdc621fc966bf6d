import type { Film } from '../../contract/film';
import type { Workspace } from '../../contract/workspace';
import { viewFilms } from './films';
import { countWaiting, type Refused } from './outbox';
import type { ClientState } from './state';
import { viewOrder, viewWorkspace } from './view';

/** `saved` means that the server has acknowledged every edit. */
type SyncState = 'saved' | 'saving' | 'offline' | 'refused';

/** What a page shows at one moment; unchanged workspaces are the same objects as in the snapshot before. */
export type SyncSnapshot = {
  /** The film of this page; null until it is known which one is the default. */
  filmId: string | null;
  /** All films, oldest first. */
  films: readonly Film[];
  areFilmsLoaded: boolean;
  ids: readonly string[];
  byId: Readonly<Record<string, Workspace>>;
  state: SyncState;
  /** How many changes the server has not acknowledged. */
  waiting: number;
  refused: readonly Refused[];
  /** True once the list was loaded. */
  isLoaded: boolean;
};

export type Snapshots = ReturnType<typeof createSnapshots>;

/** Keeps the current snapshot of a state, and tells the listeners about each new one. */
export function createSnapshots(state: ClientState) {
  let snapshot: SyncSnapshot = {
    filmId: state.filmId,
    films: [],
    areFilmsLoaded: false,
    ids: [],
    byId: {},
    state: 'saved',
    waiting: 0,
    refused: state.refused,
    isLoaded: state.isLoaded,
  };
  const listeners = new Set<() => void>();
  /** What was touched since a batch began; null outside of one. */
  let held: Set<string> | null = null;

  function refresh(touched: string[] = []): void {
    if (held) return touched.forEach((id) => held!.add(id));
    tell({ ...nextSnapshot(state, snapshot, touched), films: snapshot.films, areFilmsLoaded: snapshot.areFilmsLoaded });
  }

  function tell(next: SyncSnapshot): void {
    snapshot = next;
    listeners.forEach((listener) => listener());
  }

  return {
    get: (): SyncSnapshot => snapshot,
    subscribe: (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Takes a new snapshot, in which the touched workspaces are looked at again. */
    refresh,
    /** Takes a new snapshot, in which the films are looked at again. */
    refreshFilms: (): void => {
      const films = viewFilms(state.films, state.outbox);
      tell({ ...nextSnapshot(state, snapshot, []), films, areFilmsLoaded: state.films.isLoaded });
    },
    /** Takes one snapshot for all that `work` does. */
    batch: (work: () => void): void => {
      if (held) return work();
      const touched = (held = new Set());
      try {
        work();
      } finally {
        held = null;
        refresh([...touched]);
      }
    },
  };
}

type OfFilm = Omit<SyncSnapshot, 'films' | 'areFilmsLoaded'>;

function nextSnapshot(state: ClientState, before: SyncSnapshot, touched: string[]): OfFilm {
  const order = viewOrder(state);
  const isSameOrder = order.length === before.ids.length && order.every((id, index) => id === before.ids[index]);
  const waiting = countWaiting(state.outbox, state.drafts);
  return {
    filmId: state.filmId,
    ids: isSameOrder ? before.ids : order,
    byId: isSameOrder && touched.length === 0 ? before.byId : viewAll(state, order, before, touched),
    state: syncState(state, waiting),
    waiting,
    refused: state.refused,
    isLoaded: state.isLoaded,
  };
}

function viewAll(state: ClientState, order: string[], before: SyncSnapshot, touched: string[]): SyncSnapshot['byId'] {
  const isTouched = new Set(touched);
  const byId: Record<string, Workspace> = {};
  for (const id of order) {
    const known = isTouched.has(id) ? undefined : before.byId[id];
    const view = known ?? viewWorkspace(state, id);
    if (view) byId[id] = view;
  }
  return byId;
}

function syncState({ isReady, isFirstTry, refused, outbox }: ClientState, waiting: number): SyncState {
  const isAway = !isReady && !isFirstTry;
  if (isAway) return 'offline';
  if (refused.length > 0) return 'refused';
  return waiting > 0 || outbox.length > 0 ? 'saving' : 'saved';
}
