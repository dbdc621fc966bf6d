import type { Workspace } from '../../contract/workspace';
import type { FilmList } from './film-list';
import type { Persistence } from './persist';
import { loadList } from './replica';
import type { Rest } from './rest';
import type { Snapshots } from './snapshot';
import type { SyncSocket } from './socket';
import { filmQuery, type ClientState } from './state';

type Parts = {
  state: ClientState;
  socket: SyncSocket;
  rest: Rest;
  films: FilmList;
  persistence: Persistence;
  snapshots: Snapshots;
};

const maxStaleLoads = 3;

export type List = ReturnType<typeof createList>;

/** Loads the list of all workspaces of the film into the replica. */
export function createList(parts: Parts, onLoaded: () => void) {
  const { state, socket, rest, films, persistence, snapshots } = parts;
  let loads = 0;
  let staleLoads = 0;
  let isLoading = false;
  let isLoadWanted = false;
  let abort: AbortController | null = null;
  let connection = 0;
  /** Grows when workspaces come, go or move: a list that was requested before may be stale. */
  let structureEpoch = 0;

  async function load(): Promise<void> {
    isLoadWanted = true;
    if (isLoading) return;
    isLoading = true;
    staleLoads = 0;
    try {
      while (isLoadWanted && socket.isOpen()) await loadOnce();
    } finally {
      isLoading = false;
    }
  }

  async function loadOnce(): Promise<void> {
    isLoadWanted = false;
    const started = { connection, structureEpoch, load: ++loads };
    abort = new AbortController();
    const [list, hasFilms] = await Promise.all([fetchList(abort), state.isReady || films.load()]);
    const isLost = started.connection !== connection;
    const isStale = started.structureEpoch !== structureEpoch;
    isLoadWanted ||= isLost || isStale;
    if (isLost) return;
    if (!list || !hasFilms) return socket.restart();
    // Another film has become the default one while this page was away.
    if (!state.isReady && state.socketQuery !== filmQuery(state)) return socket.restart();
    // A stale list would undo, for a moment, what was broadcast meanwhile.
    if (isStale && state.isReady && ++staleLoads < maxStaleLoads) return;
    takeIn(list, started.load);
  }

  async function fetchList(within: AbortController): Promise<Workspace[] | null> {
    const query = state.isReady ? filmQuery(state) : state.socketQuery;
    const reply = await rest<{ workspaces: Workspace[] }>(`/api/workspaces${query}`, within);
    return reply?.workspaces ?? null;
  }

  function takeIn(list: Workspace[], load: number): void {
    const isFirst = !state.isReady;
    const touched = [...loadList(state.replica, list, { isFirst }), ...persistence.settle({ load, isFirst })];
    Object.assign(state, { isLoaded: true, isReady: true, isFirstTry: false });
    socket.resetBackoff();
    snapshots.refresh(touched);
    onLoaded();
  }

  return {
    /** Loads the list until no change of the timeline's structure has crossed the load. */
    load,
    /** Tells that workspaces came, went or moved. */
    structureChanged: () => void structureEpoch++,
    /** The number of the load that will contain everything that the server has stored by now. */
    nextLoad: () => loads + 1,
    disconnected(): void {
      connection++;
      abort?.abort();
    },
  };
}
