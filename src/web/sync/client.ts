import type { Batch } from '../../contract/batch';
import type { FilmExport } from '../../contract/export';
import type { ServerMessage } from '../../contract/messages';
import type { Changes } from '../../contract/workspace';
import { adoptEdits } from './adopt';
import { createAnswers } from './answers';
import { createBroadcasts, type Broadcasts } from './broadcasts';
import { createDelivery } from './delivery';
import { createEdits, type EditOptions } from './edits';
import { createFilmEdits } from './film-edits';
import { createFilmList, type FilmList, type FilmListOptions } from './film-list';
import { createList } from './list';
import type { NewWorkspace, Refused } from './outbox';
import { createPersistence, type Persistence } from './persist';
import { createRest, type RestOptions } from './rest';
import { createSnapshots, type Snapshots, type SyncSnapshot } from './snapshot';
import { createSocket, type SocketEvents, type SocketOptions, type SyncSocket } from './socket';
import { createState, filmQuery, type ClientState } from './state';
import { createPageStorage, type PageStorage, type StorageOptions } from './storage';

export type { SyncSnapshot } from './snapshot';

export type SyncOptions = SocketOptions &
  RestOptions &
  FilmListOptions &
  StorageOptions &
  EditOptions & {
    /** The connection; default a WebSocket to `url`. */
    createSocket?: (events: SocketEvents) => SyncSocket;
    /** Told when an edit of this page met one of another page: the values of it that are not in the workspace now. */
    onOverwritten?: (id: string, values: Changes) => void;
    /** Told of each change of a finished film, or of one that is on its way. */
    onExport?: (told: FilmExport) => void;
    /** Told of each change of a batch. */
    onBatch?: (told: Batch) => void;
  };

export type SyncClient = {
  /** Connects, and goes on connecting until `stop`. */
  start: () => void;
  /** Sends what is typed, closes the connection and leaves what is not acknowledged in the storage. */
  stop: () => void;
  getSnapshot: () => SyncSnapshot;
  /** Calls `listener` after every change of the snapshot; returns the function that ends it. */
  subscribe: (listener: () => void) => () => void;
  /** Appends a workspace, or puts it before another one; edits of the returned id may follow at once. */
  create: (data?: NewWorkspace, id?: string, beforeId?: string) => string;
  /** Changes fields by dotted keys, such as `{ 'form_data.prompt': 'rain' }`. */
  update: (id: string, changes: Changes) => void;
  delete: (id: string) => void;
  restore: (id: string) => void;
  reorder: (ids: string[]) => void;
  /** Makes a take the clip; with its form, that becomes the form of the workspace in the same write. */
  chooseTake: (id: string, attemptId: string, withForm?: boolean) => void;
  /** Puts away what a failed or cancelled attempt says. */
  dismissFailure: (id: string, attemptId: string) => void;
  /** Edits of films, which are kept and sent like those of shots; `load` brings what no message tells, such as their lengths. */
  films: Omit<ReturnType<typeof createFilmEdits>, 'flush'> & { load: () => Promise<boolean> };
  /** Shows all edits that `work` makes at once. */
  batch: (work: () => void) => void;
  /** Turns everything that is typed into messages now, without waiting for a pause in the typing. */
  flush: () => void;
  /** Sends what is typed, and lets another page take over what is left; `comeBack` ends that. */
  leave: () => void;
  comeBack: () => void;
  /** Connects at once, for the moment when the browser says that the network is back. */
  reconnectNow: () => void;
  /** Forgets one refused edit, or all of them. */
  dismiss: (entry?: Refused) => void;
};

type Parts = {
  state: ClientState;
  page: PageStorage;
  socket: SyncSocket;
  films: FilmList;
  filmEdits: ReturnType<typeof createFilmEdits>;
  edits: ReturnType<typeof createEdits>;
  persistence: Persistence;
  broadcasts: Broadcasts;
  snapshots: Snapshots;
};

/**
 * Keeps a replica of the workspaces of a film, and of the list of films, with the edits of this page on top until the server has acknowledged each of them.
 * An edit is shown at once, survives a reload, and is sent in order under one request_id until it is answered.
 */
export function createSync(options: SyncOptions): SyncClient {
  const state = createState(options.filmId ?? null);
  const snapshots = createSnapshots(state);
  const page = createPageStorage(options);
  const rest = createRest(options);
  const socketOf =
    options.createSocket ?? ((events) => createSocket(options, events, () => (state.socketQuery = filmQuery(state))));
  const socket = socketOf({ opened: () => void list.load(), received, closed });
  const delivery = createDelivery({ state, socket, snapshots });
  const persistence = createPersistence(state, page, delivery.sendReady);
  const edits = createEdits({ state, persistence, snapshots }, options);
  const filmEdits = createFilmEdits({ state, persistence, snapshots }, options);
  const films = createFilmList({ state, rest, snapshots }, options);
  const list = createList({ state, socket, rest, films, persistence, snapshots }, loaded);
  const broadcasts = createBroadcasts({ state, films, list, persistence, snapshots });
  const answered = createAnswers(
    { state, films, list, broadcasts, delivery, persistence, snapshots },
    options.onOverwritten,
  );

  function received(message: ServerMessage): void {
    const requestId = 'request_id' in message ? message.request_id : undefined;
    const entry = requestId && state.outbox.find((waiting) => waiting.message.request_id === requestId);
    if (entry) answered(entry, message);
    else if (message.type === 'export.status_update') options.onExport?.(message.export);
    else if (message.type === 'batch.status_update') options.onBatch?.(message.batch);
    else if (message.type !== 'error') broadcasts.receive(message);
  }

  function loaded(): void {
    broadcasts.applyEarly();
    delivery.sendReady();
  }

  function closed(): void {
    films.disconnected();
    // A refused socket does not say why: the list tells whether its film is gone.
    if (!state.isReady && persistence.isRunning()) void films.load();
    Object.assign(state, { isReady: false, isFirstTry: false });
    list.disconnected();
    broadcasts.disconnected();
    delivery.disconnected();
    snapshots.refresh();
  }

  return toClient({ state, page, socket, films, filmEdits, edits, persistence, broadcasts, snapshots });
}

/** What a page needs of the parts. */
function toClient(parts: Parts): SyncClient {
  const { state, page, socket, films, filmEdits, persistence, broadcasts, snapshots } = parts;
  const { takeOver, ...edits } = parts.edits;

  function flush(): void {
    edits.flush();
    filmEdits.flush();
  }

  return {
    ...edits,
    films: { ...filmEdits, load: films.load },
    flush,
    start() {
      persistence.start();
      void adoptEdits({ state, page, persistence, snapshots }, takeOver);
      socket.start();
    },
    stop() {
      flush();
      persistence.stop();
      broadcasts.stop();
      socket.stop();
      persistence.persistEdits();
    },
    getSnapshot: snapshots.get,
    subscribe: snapshots.subscribe,
    batch: snapshots.batch,
    leave() {
      persistence.leave();
      flush();
      persistence.persistEdits();
    },
    comeBack: persistence.comeBack,
    reconnectNow: socket.reconnectNow,
  };
}
