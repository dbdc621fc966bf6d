import type { Workspace } from '../../contract/workspace';
import type { Persistence } from './persist';
import { loadList } from './replica';
import type { Snapshots } from './snapshot';
import type { SyncSocket } from './socket';
import type { ClientState } from './state';

type Parts = { state: ClientState; socket: SyncSocket; persistence: Persistence; snapshots: Snapshots };

export type ListOptions = {
  url: string;
  /** Origin of the REST side; default: that of `url`. */
  baseUrl?: string;
  fetch?: typeof fetch;
};

const listWithinMs = 10_000;
const maxStaleLoads = 3;

export type List = ReturnType<typeof createList>;

/** Loads the list of all workspaces into the replica. */
export function createList(parts: Parts, options: ListOptions, onLoaded: () => void) {
  const { state, socket, persistence, snapshots } = parts;
  const fetchList = listFetcher(options);
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
    const list = await fetchList(abort);
    const isLost = started.connection !== connection;
    const isStale = started.structureEpoch !== structureEpoch;
    isLoadWanted ||= isLost || isStale;
    if (isLost) return;
    if (!list) return socket.restart();
    // A stale list would undo, for a moment, what was broadcast meanwhile.
    if (isStale && state.isReady && ++staleLoads < maxStaleLoads) return;
    takeIn(list, started.load);
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

/** Makes the request for all workspaces; it resolves with null when the server does not answer with a list. */
function listFetcher(options: ListOptions) {
  const baseUrl = options.baseUrl ?? new URL(options.url.replace(/^ws/, 'http')).origin;
  return async (abort: AbortController): Promise<Workspace[] | null> => {
    const timer = setTimeout(() => abort.abort(), listWithinMs);
    try {
      const reply = await (options.fetch ?? fetch)(`${baseUrl}/api/workspaces`, { signal: abort.signal });
      return reply.ok ? ((await reply.json()) as { workspaces: Workspace[] }).workspaces : null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  };
}
