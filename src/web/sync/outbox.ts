import type { ErrorBody } from '../../contract/errors';
import type { FilmChanges, FilmSettings } from '../../contract/film';
import type { FormData } from '../../contract/form';
import type { Changes } from '../../contract/workspace';

/** What a new shot can bring along. */
export type NewWorkspace = {
  image_path?: string | null;
  end_image_path?: string | null;
  form_data?: Partial<FormData>;
};

/** A message about shots. Without `film_id`, a new shot or an order is of the default film, which was not known yet. */
type ShotMessage = { request_id: string } & (
  | { type: 'workspace.create'; workspace_id: string; film_id?: string; data: NewWorkspace; before_id?: string }
  | { type: 'workspace.update'; workspace_id: string; updates: Changes; base_version?: number }
  | { type: 'workspace.delete'; workspace_id: string }
  | { type: 'workspace.restore'; workspace_id: string }
  | {
      type: 'workspace.choose_take';
      workspace_id: string;
      attempt_id: string;
      with_form?: boolean;
      base_version?: number;
    }
  | { type: 'workspace.dismiss'; workspace_id: string; attempt_id: string }
  | { type: 'workspace.reorder'; film_id?: string; workspace_ids: string[]; base_order?: string[] }
);

export type FilmMessage = { request_id: string; film_id: string } & (
  | { type: 'film.create'; title?: string; settings?: Partial<FilmSettings> }
  | { type: 'film.update'; updates: FilmChanges }
  | { type: 'film.delete' }
  | { type: 'film.restore' }
  | { type: 'film.duplicate'; new_film_id: string; title?: string }
);

/** Every message from this client, as it goes over the wire. */
export type ClientMessage = ShotMessage | FilmMessage;

/** A message on its way: it is stored, sent at least once, acknowledged, and then dropped. */
export type Waiting = {
  message: ClientMessage;
  /** How often it was sent; a message sent twice may have been applied by the first sending. */
  sends: number;
  isStored: boolean;
  isInFlight: boolean;
  /** The message is not sent again before this time, in milliseconds since 1970. */
  notBefore: number;
  /** Set by the acknowledgement: the message is dropped when the replica has this version, or this load of the list. */
  settledBy?: { version: number } | { load: number };
};

/** An edit that the server refused, with the reason; it is shown until someone dismisses it. */
export type Refused = { message: ClientMessage; error: ErrorBody };

/** Values that are typed but not yet a message, by workspace and dotted key. */
export type Drafts = Map<string, Changes>;

/** What lies in the storage; a message that was sent before a reload is sent again with the same request_id. */
export type StoredOutbox = {
  waiting: { message: ClientMessage; sends: number }[];
  drafts: [string, Changes][];
  refused: Refused[];
  /** When the page that wrote this was last alive, in milliseconds since 1970. */
  aliveAt?: number;
};

const orderLane = 'order';

/** The queues in which a message waits; the server keeps the same ones. */
function lanesOf(message: ClientMessage): string[] {
  if (message.type === 'film.duplicate') return [message.film_id, message.new_film_id];
  if (!('workspace_id' in message) && message.type !== 'workspace.reorder') return [message.film_id];
  if (message.type === 'workspace.reorder') return [orderLane];
  const ofOne: ClientMessage['type'][] = ['workspace.update', 'workspace.choose_take', 'workspace.dismiss'];
  if (ofOne.includes(message.type)) return [message.workspace_id];
  return [message.workspace_id, orderLane];
}

/** What is done to a whole film, with the edits of its shots that a person made before. */
const afterAll: ClientMessage['type'][] = ['film.delete', 'film.duplicate'];

/** The messages that may go out now: stored, due, and with nothing unanswered before them in their lanes. */
export function readyToSend(outbox: Waiting[], now: number): Waiting[] {
  const taken = new Set<string>();
  return outbox.filter((entry) => {
    if (entry.settledBy) return false;
    const lanes = lanesOf(entry.message);
    const isAvailable = afterAll.includes(entry.message.type)
      ? taken.size === 0
      : !lanes.some((lane) => taken.has(lane));
    lanes.forEach((lane) => taken.add(lane));
    return isAvailable && entry.isStored && !entry.isInFlight && entry.notBefore <= now;
  });
}

/** Appends a message, or merges it into the last one of its lane where that was never sent; returns the entry. */
export function append(outbox: Waiting[], message: ClientMessage): Waiting {
  const lane = lanesOf(message)[0]!;
  const last = outbox.findLast((entry) => lanesOf(entry.message).includes(lane));
  if (last && last.sends === 0 && absorb(last.message, message)) {
    last.isStored = false;
    return last;
  }
  const entry = waitingMessage(message);
  outbox.push(entry);
  return entry;
}

/** A message that is neither stored nor on its way. */
export const waitingMessage = (message: ClientMessage, sends = 0): Waiting => ({
  message,
  sends,
  isStored: false,
  isInFlight: false,
  notBefore: 0,
});

/** How many changes a person would count: each field once, each other message once. */
export function countWaiting(outbox: Waiting[], drafts: Drafts): number {
  const changes = new Set<string>();
  for (const [id, fields] of drafts) Object.keys(fields).forEach((key) => changes.add(`${id} ${key}`));
  for (const { message, settledBy } of outbox) {
    if (settledBy) continue;
    if (!('updates' in message)) changes.add(message.request_id);
    else Object.keys(message.updates).forEach((key) => changes.add(`${idOf(message)} ${key}`));
  }
  return changes.size;
}

const idOf = (message: Extract<ClientMessage, { updates: object }>): string =>
  'film_id' in message ? message.film_id : message.workspace_id;

function absorb(last: ClientMessage, next: ClientMessage): boolean {
  if (last.type === 'workspace.update' && next.type === 'workspace.update') {
    last.updates = { ...last.updates, ...next.updates };
    return true;
  }
  if (last.type === 'film.update' && next.type === 'film.update') {
    last.updates = { ...last.updates, ...next.updates };
    return true;
  }
  if (last.type === 'workspace.reorder' && next.type === 'workspace.reorder' && last.film_id === next.film_id) {
    last.workspace_ids = next.workspace_ids;
    return true;
  }
  return false;
}
