import { createFilms, defaultFilmOf, type Films } from './films';
import {
  waitingMessage,
  type ClientMessage,
  type Drafts,
  type Refused,
  type StoredOutbox,
  type Waiting,
} from './outbox';
import { createReplica, type Replica } from './replica';

/** Everything that one page knows: what the server holds, and the edits of this page on top of it. */
export type ClientState = {
  /** The film of this page; null until the default one is known. */
  filmId: string | null;
  films: Films;
  /** Whether the address names the film; else it is the default one, which a client without films gets too. */
  isFilmNamed: boolean;
  /** The query of the address over which the page is connected. */
  socketQuery: string;
  replica: Replica;
  /** Messages that wait for the server, oldest first. */
  outbox: Waiting[];
  drafts: Drafts;
  refused: Refused[];
  /** By workspace and dotted key, the value that this page saw or sent last: another one in the replica is from elsewhere. */
  seen: Map<string, unknown>;
  /** By workspace, the version of the last acknowledgement on this connection. */
  acknowledgedVersions: Map<string, number>;
  /** The list was loaded over this connection, so waiting edits may be sent. */
  isReady: boolean;
  /** Nothing has failed since the start, so it is too early to say "offline". */
  isFirstTry: boolean;
  /** The list was loaded at least once. */
  isLoaded: boolean;
};

export const createState = (filmId: string | null): ClientState => ({
  filmId,
  films: createFilms(),
  isFilmNamed: filmId !== null,
  socketQuery: '',
  replica: createReplica(),
  outbox: [],
  drafts: new Map(),
  refused: [],
  seen: new Map(),
  acknowledgedVersions: new Map(),
  isReady: false,
  isFirstTry: true,
  isLoaded: false,
});

/** Whether a reload would lose anything. */
export const hasEdits = ({ outbox, drafts, refused }: ClientState): boolean =>
  outbox.length > 0 || drafts.size > 0 || refused.length > 0;

/** The edits in the shape that the storage keeps. */
export const toStored = ({ outbox, drafts, refused }: ClientState, aliveAt: number): StoredOutbox => ({
  waiting: outbox.filter((entry) => !entry.settledBy).map(({ message, sends }) => ({ message, sends })),
  drafts: [...drafts],
  refused,
  aliveAt,
});

/** Puts the stored edits of a page that is gone before the edits of this page. */
export function prependStored(state: ClientState, stored: StoredOutbox): void {
  // A page stores a message before it sends it: each may have been sent, and may not change under its request_id.
  const adopted = stored.waiting.map(({ message, sends }) => waitingMessage(message, Math.max(1, sends)));
  state.outbox = [...adopted, ...state.outbox];
  state.refused = [...stored.refused, ...state.refused];
  for (const [id, draft] of stored.drafts) state.drafts.set(id, { ...draft, ...state.drafts.get(id) });
}

/** The query of an address that is about the film of this page; without one, the server takes the default film. */
export function filmQuery({ filmId, films, isFilmNamed }: ClientState): string {
  const isDefault = filmId === null || filmId === (defaultFilmOf(films) ?? filmId);
  return isDefault && !isFilmNamed ? '' : `?film_id=${filmId}`;
}

/** Whether a waiting message is about the film of this page, as far as it names one. */
export const isOfFilm = ({ filmId }: Pick<ClientState, 'filmId'>, message: { film_id?: string }): boolean =>
  (message.film_id ?? null) === filmId;

/** Names the default film, once it is known, in the messages that are for it, and for a page that has no film yet. */
export function nameFilm(state: ClientState, defaultId: string | undefined): void {
  if (defaultId === undefined) return;
  state.filmId ??= defaultId;
  for (const { message } of state.outbox) {
    if (message.type === 'workspace.create' || message.type === 'workspace.reorder') message.film_id ??= defaultId;
  }
}

/** The message with what its author sees now; by that the server tells a repeated message from a later one. */
export function withBase(state: ClientState, message: ClientMessage): ClientMessage {
  const { replica, acknowledgedVersions } = state;
  if (message.type === 'workspace.reorder') return { ...message, base_order: replica.order };
  if (message.type !== 'workspace.update' && message.type !== 'workspace.choose_take') return message;
  const known = replica.byId.get(message.workspace_id)?.version ?? 0;
  return { ...message, base_version: Math.max(known, acknowledgedVersions.get(message.workspace_id) ?? 0) };
}

/** By which load of the list messages are settled; the first load of a connection settles all that are acknowledged. */
export type Settling = { load: number; isFirst: boolean };

/** Drops acknowledged messages whose effect the replica has by now; returns the workspaces whose view may change. */
export function dropSettled(state: ClientState, { load, isFirst }: Settling = { load: 0, isFirst: false }): string[] {
  const touched: string[] = [];
  state.outbox = state.outbox.filter(({ message, settledBy }) => {
    if (!settledBy || !('workspace_id' in message)) return true;
    const id = message.workspace_id;
    if (!isFirst && !hasArrived(state.replica, id, settledBy, load)) return true;
    touched.push(id);
    return false;
  });
  return touched;
}

function hasArrived(replica: Replica, id: string, settledBy: NonNullable<Waiting['settledBy']>, load: number): boolean {
  if ('load' in settledBy) return load >= settledBy.load;
  return (replica.byId.get(id)?.version ?? Infinity) >= settledBy.version;
}
