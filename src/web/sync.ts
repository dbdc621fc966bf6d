import type { ErrorBody } from '../contract/errors';
import type { ServerMessage } from '../contract/messages';
import type { Changes, Workspace } from '../contract/workspace';
import {
  append,
  countWaiting,
  readyToSend,
  type ClientMessage,
  type Drafts,
  type NewWorkspace,
  type Refused,
  type StoredOutbox,
  type Waiting,
} from './sync-outbox';
import { advance, applyPush, createReplica, loadList, viewOrder, viewWorkspace, withChanges } from './sync-replica';
import { browserLock, hasLocks, indexedDbStorage, type SyncStorage, type TakeLock } from './sync-storage';

type Socket = {
  readyState: number;
  send: (text: string) => void;
  close: () => void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
};

export type SyncOptions = {
  /** Address of the socket, such as `ws://127.0.0.1:3000/ws`. */
  url: string;
  /** Origin of the REST side; default: that of `url`. */
  baseUrl?: string;
  WebSocket?: new (url: string) => Socket;
  fetch?: typeof fetch;
  /** Where waiting edits outlive a reload; default IndexedDB. */
  storage?: SyncStorage;
  /** Tells whether another page is still using an outbox; default Web Locks. */
  takeLock?: TakeLock;
  /** Whether `takeLock` tells a page that lives from one that is gone. */
  hasLocks?: boolean;
  /** How long a page without locks may be silent before another one takes over what it left. */
  silentForMs?: number;
  debounceMs?: number;
  answerWithinMs?: number;
  backoffBaseMs?: number;
  backoffCapMs?: number;
};

/** `saved` is said only when every edit was acknowledged. */
export type SyncState = 'saved' | 'saving' | 'offline' | 'refused';

/** One moment of the replica, with the edits of this page on top; unchanged workspaces are the same objects as before. */
export type SyncSnapshot = {
  ids: readonly string[];
  byId: Readonly<Record<string, Workspace>>;
  state: SyncState;
  /** Changes that the server has not acknowledged. */
  waiting: number;
  refused: readonly Refused[];
  /** True once the list was loaded. */
  isLoaded: boolean;
};

export type SyncClient = ReturnType<typeof createSync>;

const openState = 1;
const storageWithinMs = 2000;
const listWithinMs = 10_000;
const loadsThatMayCross = 3;
const gapPatienceMs = 150;
const adoptAfterMs = [0, 500, 2000];
/** Without Web Locks a page tells by its storage that it lives, and what is silent for longer is that of a page that is gone. */
const silentForMs = 30_000;
const retryLater = new Set<string>(['DATABASE_UNAVAILABLE', 'BUSY', 'TOO_MANY']);

/**
 * Keeps a replica of all workspaces, and the edits of this page on top of it until the server has acknowledged each.
 * Edits appear at once, survive a reload, and are sent in order with a request_id until they are answered.
 */
export function createSync(options: SyncOptions) {
  const { url, debounceMs = 300, answerWithinMs = 5000, backoffBaseMs = 500, backoffCapMs = 15_000 } = options;
  const storage = options.storage ?? indexedDbStorage();
  const takeLock = options.takeLock ?? browserLock;
  const isLocking = options.hasLocks ?? (options.takeLock !== undefined || hasLocks());
  const goneAfterMs = options.silentForMs ?? silentForMs;
  const baseUrl = options.baseUrl ?? new URL(url.replace(/^ws/, 'http')).origin;
  const storageKey = `outbox ${newId()}`;

  const replica = createReplica();
  let outbox: Waiting[] = [];
  let refused: Refused[] = [];
  const drafts: Drafts = new Map();
  const draftTimers = new Map<string, ReturnType<typeof setTimeout>>();
  const answerTimers = new Map<string, ReturnType<typeof setTimeout>>();

  let socket: Socket | null = null;
  let reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  let gapTimer: ReturnType<typeof setTimeout> | undefined;
  let lifeTimer: ReturnType<typeof setInterval> | undefined;
  let failures = 0;
  let silences = 0;
  let isRunning = false;
  /** The page is hidden, perhaps for ever. */
  let isLeft = false;
  /** The list was loaded over this connection, so that waiting edits may follow. */
  let isReady = false;
  /** Nothing has failed since the start: not a reason to say "offline" yet. */
  let isFirstTry = true;
  let isLoaded = false;
  let structureEpoch = 0;
  /** What was told before the first list of the connection. */
  let early: ServerMessage[] = [];
  /** By workspace, the version of the last acknowledgement on this connection. */
  const acknowledgedVersions = new Map<string, number>();
  let loads = 0;
  let loading: Promise<void> | null = null;
  let isLoadWanted = false;
  let loadAbort: AbortController | null = null;

  let snapshot: SyncSnapshot = { ids: [], byId: {}, state: 'saved', waiting: 0, refused, isLoaded };
  const listeners = new Set<() => void>();

  // ---- what a person does

  function edit(id: string, changes: Changes): void {
    drafts.set(id, { ...drafts.get(id), ...changes });
    for (const key of Object.keys(changes)) {
      const name = `${id} ${key}`;
      clearTimeout(draftTimers.get(name));
      draftTimers.set(
        name,
        setTimeout(() => sendDraft(id, [key]), debounceMs),
      );
    }
    persist();
    changed([id]);
  }

  function sendDraft(id: string, keys: string[]): void {
    const draft = drafts.get(id);
    if (!draft) return;
    const updates: Record<string, unknown> = {};
    const rest: Record<string, unknown> = { ...draft };
    for (const key of keys) {
      clearTimeout(draftTimers.get(`${id} ${key}`));
      draftTimers.delete(`${id} ${key}`);
      if (!(key in rest)) continue;
      updates[key] = rest[key];
      delete rest[key];
    }
    if (Object.keys(rest).length > 0) drafts.set(id, rest);
    else drafts.delete(id);
    if (Object.keys(updates).length === 0) return;
    enqueue({ type: 'workspace.update', request_id: newId(), workspace_id: id, updates: updates });
  }

  /** Turns everything typed into messages now, without waiting for the pause in the typing. */
  function flush(): void {
    for (const [id, draft] of [...drafts]) sendDraft(id, Object.keys(draft));
  }

  function create(data: NewWorkspace = {}, id: string = newId()): string {
    enqueue({ type: 'workspace.create', request_id: newId(), workspace_id: id, data });
    return id;
  }

  function enqueue(message: ClientMessage): void {
    if (message.type !== 'workspace.reorder' && message.type !== 'workspace.update') {
      const draft = drafts.get(message.workspace_id);
      if (draft) sendDraft(message.workspace_id, Object.keys(draft));
    }
    append(outbox, withBase(message));
    persist();
    changed(message.type === 'workspace.reorder' ? [] : [message.workspace_id]);
  }

  /** The message with what its author sees now, by which the server tells a repetition from what came after it. */
  function withBase(message: ClientMessage): ClientMessage {
    if (message.type === 'workspace.reorder') return { ...message, base_order: replica.order };
    if (message.type !== 'workspace.update' && message.type !== 'workspace.choose_take') return message;
    const known = replica.byId.get(message.workspace_id)?.version ?? 0;
    return { ...message, base_version: Math.max(known, acknowledgedVersions.get(message.workspace_id) ?? 0) };
  }

  function dismiss(entry?: Refused): void {
    refused = entry ? refused.filter((other) => other !== entry) : [];
    persist();
    changed([]);
  }

  // ---- the storage: written before a message is sent, so that a reload repeats it under the same request_id

  let isPersisting = false;
  let isPersistWanted = false;

  function persist(): void {
    isPersistWanted = true;
    if (!isPersisting) void writeOutbox();
  }

  async function writeOutbox(): Promise<void> {
    isPersisting = true;
    while (isPersistWanted) {
      isPersistWanted = false;
      const written = outbox.filter((entry) => !entry.isStored);
      const versions = written.map((entry) => JSON.stringify(entry.message));
      const write = isOutboxEmpty() ? storage.delete(storageKey) : storage.set(storageKey, toStored());
      // A storage that fails or hangs must not hold up the sending.
      await within(write, storageWithinMs);
      written.forEach((entry, index) => {
        if (JSON.stringify(entry.message) === versions[index]) entry.isStored = true;
      });
      pump();
    }
    isPersisting = false;
  }

  const isOutboxEmpty = () => outbox.length === 0 && drafts.size === 0 && refused.length === 0;

  const toStored = (): StoredOutbox => ({
    waiting: outbox.filter((entry) => !entry.settledBy).map(({ message, sends }) => ({ message, sends })),
    drafts: [...drafts],
    refused,
    // A page that was left on purpose is gone at once.
    aliveAt: isRunning && !isLeft ? Date.now() : 0,
  });

  /** Takes over what pages that are gone have left; a page that is being closed lets go of its lock a moment later. */
  async function adopt(): Promise<void> {
    await takeLock(storageKey).catch(() => true);
    // Once more when what a page without locks has left is old enough.
    for (const waitMs of isLocking ? adoptAfterMs : [...adoptAfterMs, goneAfterMs]) {
      if (waitMs > 0) await delay(waitMs);
      if (!isRunning) return;
      const names = await storage.keys().catch((): string[] => []);
      const others = names.filter((name) => name.startsWith('outbox ') && name !== storageKey);
      if (others.length === 0) return;
      for (const name of others) await adoptOne(name).catch(() => undefined);
    }
  }

  async function adoptOne(name: string): Promise<void> {
    if (!(await takeLock(name))) return;
    const stored = (await storage.get(name)) as StoredOutbox | undefined;
    if (!stored) return;
    if (!isLocking && Date.now() - (stored.aliveAt ?? 0) < goneAfterMs) return;
    // It was written down before it was sent, so each may have been sent, and must not grow under its request_id.
    const adopted = stored.waiting.map(({ message, sends }) => ({
      message,
      sends: Math.max(1, sends),
      isStored: false,
      isInFlight: false,
      notBefore: 0,
    }));
    outbox = [...adopted, ...outbox];
    refused = [...stored.refused, ...refused];
    for (const [id, draft] of stored.drafts) {
      drafts.set(id, { ...draft, ...drafts.get(id) });
      sendDraft(id, Object.keys(draft));
    }
    await storage.set(storageKey, toStored());
    await storage.delete(name);
    persist();
    changed(outbox.flatMap(({ message }) => ('workspace_id' in message ? [message.workspace_id] : [])));
  }

  // ---- the connection

  function connect(): void {
    clearTimeout(reconnectTimer);
    if (!isRunning || socket) return;
    const SocketClass =
      options.WebSocket ?? (globalThis as unknown as { WebSocket: SyncOptions['WebSocket'] }).WebSocket!;
    const opened = new SocketClass(url);
    socket = opened;
    opened.onopen = () => {
      if (socket === opened) void load();
    };
    opened.onmessage = ({ data }: { data: unknown }) => {
      if (socket === opened) receive(JSON.parse(String(data)) as ServerMessage);
    };
    opened.onerror = () => undefined;
    opened.onclose = () => {
      if (socket === opened) disconnected();
    };
  }

  function disconnected(): void {
    const closing = socket;
    socket = null;
    isReady = false;
    isFirstTry = false;
    silences = 0;
    early = [];
    acknowledgedVersions.clear();
    loadAbort?.abort();
    for (const timer of answerTimers.values()) clearTimeout(timer);
    answerTimers.clear();
    for (const entry of outbox) {
      entry.isInFlight = false;
      entry.notBefore = 0;
    }
    closing?.close();
    changed([]);
    if (!isRunning) return;
    const limitMs = Math.min(backoffCapMs, backoffBaseMs * 2 ** failures++);
    reconnectTimer = setTimeout(connect, Math.random() * limitMs);
  }

  /** Tries at once, for the moment when the browser says that the network is back. */
  function reconnectNow(): void {
    failures = 0;
    connect();
  }

  /** Loads the list until no change of the timeline's structure has crossed it. */
  function load(): Promise<void> {
    isLoadWanted = true;
    loading ??= runLoads().finally(() => (loading = null));
    return loading;
  }

  async function runLoads(): Promise<void> {
    for (let crossed = 0; isLoadWanted && socket?.readyState === openState;) {
      isLoadWanted = false;
      const epoch = structureEpoch;
      const connection = socket;
      const ticket = ++loads;
      const list = await fetchList();
      if (connection !== socket) {
        isLoadWanted = true;
        continue;
      }
      if (!list) return disconnected();
      if (epoch !== structureEpoch) {
        isLoadWanted = true;
        // Here it would undo for a moment what was pushed meanwhile.
        if (isReady && ++crossed < loadsThatMayCross) continue;
      }
      const isFirst = !isReady;
      const touched = [...loadList(replica, list, { isFirst }), ...settleAcknowledged(ticket, isFirst)];
      isLoaded = true;
      isReady = true;
      isFirstTry = false;
      failures = 0;
      changed(touched);
      for (const message of early.splice(0)) apply(message);
      pump();
    }
  }

  async function fetchList(): Promise<Workspace[] | null> {
    const abort = new AbortController();
    loadAbort = abort;
    const timer = setTimeout(() => abort.abort(), listWithinMs);
    try {
      const reply = await (options.fetch ?? fetch)(`${baseUrl}/api/workspaces`, { signal: abort.signal });
      return reply.ok ? ((await reply.json()) as { workspaces: Workspace[] }).workspaces : null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  function loadAfterGap(): void {
    clearTimeout(gapTimer);
    gapTimer = setTimeout(() => {
      if (replica.ahead.size > 0 || outbox.some((entry) => entry.settledBy)) void load();
    }, gapPatienceMs);
  }

  // ---- messages out and in

  function pump(): void {
    if (!isReady || socket?.readyState !== openState) return;
    for (const entry of readyToSend(outbox, Date.now())) {
      entry.isInFlight = true;
      // What was acknowledged while it waited was seen too.
      if (entry.sends === 0) entry.message = withBase(entry.message);
      entry.sends++;
      socket.send(JSON.stringify(entry.message));
      const { request_id: requestId } = entry.message;
      answerTimers.set(
        requestId,
        setTimeout(() => unanswered(entry), answerWithinMs),
      );
    }
  }

  function unanswered(entry: Waiting): void {
    entry.isInFlight = false;
    // A second silence in a row means that the connection is dead, whatever it says.
    if (++silences > 1) disconnected();
    else pump();
  }

  function receive(message: ServerMessage): void {
    silences = 0;
    const requestId = 'request_id' in message ? message.request_id : undefined;
    const entry = requestId && outbox.find((waiting) => waiting.message.request_id === requestId);
    if (entry) return answered(entry, message);
    if (message.type === 'error') return;
    if (isReady) apply(message);
    else early.push(message);
  }

  function apply(message: ServerMessage): void {
    const { id, isOrderChanged, hasGap } = applyPush(replica, message);
    if (isOrderChanged) structureEpoch++;
    // A push that meets an empty replica is in the list that is being loaded.
    if (hasGap && isOrderChanged) void load();
    else if (hasGap) loadAfterGap();
    changed([...(id ? [id] : []), ...settleAcknowledged()]);
  }

  function answered(entry: Waiting, answer: ServerMessage): void {
    clearTimeout(answerTimers.get(entry.message.request_id));
    answerTimers.delete(entry.message.request_id);
    entry.isInFlight = false;
    if (answer.type === 'error') return failed(entry, answer);
    if (answer.type === 'workspace.sync_confirm') acknowledge(entry, answer);
    else {
      remove(entry);
      apply(answer);
      // Sent twice: the answer may tell of what others have changed since.
      if (entry.sends > 1) void load();
    }
    pump();
  }

  function acknowledge(entry: Waiting, answer: Extract<ServerMessage, { type: 'workspace.sync_confirm' }>): void {
    const { message } = entry;
    const { workspace_id: id, version, updated_at: updatedAt, kept } = answer;
    acknowledgedVersions.set(id, Math.max(version, acknowledgedVersions.get(id) ?? 0));
    if (message.type === 'workspace.update' && entry.sends === 1 && !kept) {
      entry.settledBy = { version };
      advance(replica, message.workspace_id, version, (base) => ({
        ...withChanges(base, message.updates),
        updated_at: updatedAt,
      }));
    } else if (message.type !== 'workspace.update' && entry.sends === 1) entry.settledBy = { version };
    // Sent twice: what the first sending did, and what others wrote over it since, is only in the list.
    else entry.settledBy = { load: loads + 1 };
    settleAcknowledged();
    if (outbox.includes(entry)) {
      if ('load' in entry.settledBy) void load();
      else loadAfterGap();
    }
    persist();
    changed('workspace_id' in message ? [message.workspace_id] : []);
  }

  /** Drops acknowledged messages that the replica holds by now; returns whose view that may change. */
  function settleAcknowledged(load = 0, isTruth = false): string[] {
    const settled = outbox.filter(({ message, settledBy }) => {
      if (!settledBy || !('workspace_id' in message)) return false;
      if (isTruth) return true;
      if ('load' in settledBy) return load >= settledBy.load;
      return (replica.byId.get(message.workspace_id)?.version ?? Infinity) >= settledBy.version;
    });
    settled.forEach(remove);
    return settled.flatMap(({ message }) => ('workspace_id' in message ? [message.workspace_id] : []));
  }

  function failed(entry: Waiting, { code, message, details }: ErrorBody): void {
    if (retryLater.has(code)) {
      const waitMs = Math.min(8000, 500 * 2 ** Math.min(entry.sends, 5)) * (0.5 + Math.random() / 2);
      entry.notBefore = Date.now() + waitMs;
      setTimeout(pump, waitMs + 1);
      return changed([]);
    }
    remove(entry);
    const isGone = entry.message.type === 'workspace.delete' && code === 'WORKSPACE_NOT_FOUND';
    if (!isGone)
      refused = [...refused, { message: entry.message, error: { code, message, ...(details && { details }) } }];
    persist();
    changed('workspace_id' in entry.message ? [entry.message.workspace_id] : []);
    pump();
  }

  function remove(entry: Waiting): void {
    outbox = outbox.filter((other) => other !== entry);
    persist();
  }

  // ---- the view

  function changed(touched: string[]): void {
    const order = viewOrder(replica, outbox);
    const isSameOrder = order.length === snapshot.ids.length && order.every((id, index) => id === snapshot.ids[index]);
    const ids = isSameOrder ? snapshot.ids : order;
    const waiting = countWaiting(outbox, drafts);
    snapshot = { ids, byId: viewOf(ids, touched), state: stateOf(waiting), waiting, refused, isLoaded };
    listeners.forEach((listener) => listener());
  }

  function viewOf(ids: readonly string[], touched: string[]): SyncSnapshot['byId'] {
    if (ids === snapshot.ids && touched.length === 0) return snapshot.byId;
    const isTouched = new Set(touched);
    const byId: Record<string, Workspace> = {};
    for (const id of ids) {
      const known = isTouched.has(id) ? undefined : snapshot.byId[id];
      const view = known ?? viewWorkspace(replica, outbox, drafts, id);
      if (view) byId[id] = view;
    }
    return byId;
  }

  function stateOf(waiting: number): SyncState {
    const isAway = !isReady && !isFirstTry;
    if (isAway) return 'offline';
    if (refused.length > 0) return 'refused';
    return waiting > 0 || outbox.length > 0 ? 'saving' : 'saved';
  }

  return {
    /** Connects, and goes on connecting until `stop`. */
    start(): void {
      isRunning = true;
      if (!isLocking) lifeTimer = setInterval(() => isOutboxEmpty() || persist(), goneAfterMs / 3);
      void adopt();
      connect();
    },
    /** Sends what is typed, closes the connection and leaves what is not acknowledged in the storage. */
    stop(): void {
      flush();
      isRunning = false;
      clearInterval(lifeTimer);
      clearTimeout(reconnectTimer);
      clearTimeout(gapTimer);
      disconnected();
      if (!isOutboxEmpty()) persist();
    },
    getSnapshot: (): SyncSnapshot => snapshot,
    /** Calls `listener` after every change of the snapshot; returns the function that ends it. */
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Appends a workspace; edits of the returned id may follow at once. */
    create,
    /** Changes fields by dotted keys, such as `{ 'form_data.prompt': 'rain' }`. */
    update: edit,
    delete: (id: string) => enqueue({ type: 'workspace.delete', request_id: newId(), workspace_id: id }),
    restore: (id: string) => enqueue({ type: 'workspace.restore', request_id: newId(), workspace_id: id }),
    reorder: (ids: string[]) => enqueue({ type: 'workspace.reorder', request_id: newId(), workspace_ids: ids }),
    /** Makes a take the clip; with its form, that becomes the form of the workspace in the same write. */
    chooseTake: (id: string, attemptId: string, withForm = false) =>
      enqueue({
        type: 'workspace.choose_take',
        request_id: newId(),
        workspace_id: id,
        attempt_id: attemptId,
        ...(withForm && { with_form: true }),
      }),
    /** Puts away what a failed or cancelled attempt says. */
    dismissFailure: (id: string, attemptId: string) =>
      enqueue({ type: 'workspace.dismiss', request_id: newId(), workspace_id: id, attempt_id: attemptId }),
    flush,
    /** Sends what is typed, and lets another page take over what is left; `comeBack` ends that. */
    leave: (): void => {
      isLeft = true;
      flush();
      if (!isOutboxEmpty()) persist();
    },
    comeBack: () => void (isLeft = false),
    reconnectNow,
    /** Forgets one refused edit, or all of them. */
    dismiss,
  };
}

/** Waits for work, but no longer than this; whether it fails does not matter. */
async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A fresh id of 24 hex digits, as workspaces and requests take them. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
