import type { ServerMessage } from '../../contract/messages';
import type { Changes } from '../../contract/workspace';
import { adoptEdits } from './adopt';
import { createAnswers } from './answers';
import { createBroadcasts } from './broadcasts';
import { createDelivery } from './delivery';
import { createEdits, type EditOptions } from './edits';
import { createList, type ListOptions } from './list';
import type { NewWorkspace, Refused } from './outbox';
import { createPersistence } from './persist';
import { createSnapshots, type SyncSnapshot } from './snapshot';
import { createSocket, type SocketEvents, type SocketOptions, type SyncSocket } from './socket';
import { createState } from './state';
import { createPageStorage, type StorageOptions } from './storage';

export type { SyncSnapshot } from './snapshot';

export type SyncOptions = SocketOptions &
  ListOptions &
  StorageOptions &
  EditOptions & {
    /** The connection; default a WebSocket to `url`. */
    createSocket?: (events: SocketEvents) => SyncSocket;
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

/**
 * Keeps a replica of all workspaces, with the edits of this page on top until the server has acknowledged each of them.
 * An edit is shown at once, survives a reload, and is sent in order under one request_id until it is answered.
 */
export function createSync(options: SyncOptions): SyncClient {
  const state = createState();
  const snapshots = createSnapshots(state);
  const page = createPageStorage(options);
  const socketOf = options.createSocket ?? ((events) => createSocket(options, events));
  const socket = socketOf({ opened: () => void list.load(), received, closed });
  const delivery = createDelivery({ state, socket, snapshots });
  const persistence = createPersistence(state, page, delivery.sendReady);
  const { takeOver, ...edits } = createEdits({ state, persistence, snapshots }, options);
  const list = createList({ state, socket, persistence, snapshots }, options, loaded);
  const broadcasts = createBroadcasts({ state, list, persistence, snapshots });
  const answered = createAnswers({ state, list, broadcasts, delivery, persistence, snapshots });

  function received(message: ServerMessage): void {
    const requestId = 'request_id' in message ? message.request_id : undefined;
    const entry = requestId && state.outbox.find((waiting) => waiting.message.request_id === requestId);
    if (entry) answered(entry, message);
    else if (message.type !== 'error') broadcasts.receive(message);
  }

  function loaded(): void {
    broadcasts.applyEarly();
    delivery.sendReady();
  }

  function closed(): void {
    Object.assign(state, { isReady: false, isFirstTry: false });
    list.disconnected();
    broadcasts.disconnected();
    delivery.disconnected();
    snapshots.refresh();
  }

  return {
    ...edits,
    start() {
      persistence.start();
      void adoptEdits({ state, page, persistence, snapshots }, takeOver);
      socket.start();
    },
    stop() {
      edits.flush();
      persistence.stop();
      broadcasts.stop();
      socket.stop();
      persistence.persistEdits();
    },
    getSnapshot: snapshots.get,
    subscribe: snapshots.subscribe,
    leave() {
      persistence.leave();
      edits.flush();
      persistence.persistEdits();
    },
    comeBack: persistence.comeBack,
    reconnectNow: socket.reconnectNow,
  };
}
