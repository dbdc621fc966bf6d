import type { ErrorBody } from '../contract/errors';
import type { FormData } from '../contract/form';
import type { Changes } from '../contract/workspace';

/** What a new shot can bring along. */
export type NewWorkspace = { image_path?: string | null; form_data?: Partial<FormData> };

/** Every message from this client, as it goes over the wire. */
export type ClientMessage = { request_id: string } & (
  | { type: 'workspace.create'; workspace_id: string; data: NewWorkspace }
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
  | { type: 'workspace.reorder'; workspace_ids: string[]; base_order?: string[] }
);

/** One message on its way: written down, sent at least once, acknowledged, and then gone. */
export type Waiting = {
  message: ClientMessage;
  /** How often it was sent; a message sent twice may have been applied by the first sending. */
  sends: number;
  isStored: boolean;
  isInFlight: boolean;
  /** Milliseconds since 1970 before which it is not sent again. */
  notBefore: number;
  /** Set by the acknowledgement, until the replica holds what was acknowledged: from this version, or this load on. */
  settledBy?: { version: number } | { load: number };
};

/** An edit that the server refused, with its reason; shown until it is dismissed. */
export type Refused = { message: ClientMessage; error: ErrorBody };

/** Values that are typed but not yet a message, by workspace and dotted key. */
export type Drafts = Map<string, Changes>;

/** What is kept in the storage; a message that was sent before a reload is sent again with the same request_id. */
export type StoredOutbox = {
  waiting: { message: ClientMessage; sends: number }[];
  drafts: [string, Changes][];
  refused: Refused[];
  /** Milliseconds since 1970 of the last sign of life of the page that wrote it. */
  aliveAt?: number;
};

const orderLane = 'order';

/** Whose turn a message waits for; the server keeps the same queues. */
function lanesOf(message: ClientMessage): string[] {
  if (message.type === 'workspace.reorder') return [orderLane];
  const ofOne: ClientMessage['type'][] = ['workspace.update', 'workspace.choose_take', 'workspace.dismiss'];
  if (ofOne.includes(message.type)) return [message.workspace_id];
  return [message.workspace_id, orderLane];
}

/** The messages that may go out now: stored, due, and with nothing unanswered before them in their lanes. */
export function readyToSend(outbox: Waiting[], now: number): Waiting[] {
  const taken = new Set<string>();
  return outbox.filter((entry) => {
    if (entry.settledBy) return false;
    const lanes = lanesOf(entry.message);
    const isFree = !lanes.some((lane) => taken.has(lane));
    lanes.forEach((lane) => taken.add(lane));
    return isFree && entry.isStored && !entry.isInFlight && entry.notBefore <= now;
  });
}

/** Appends a message, or lets the last one of its lane take it over where that was never sent. */
export function append(outbox: Waiting[], message: ClientMessage): void {
  const lane = lanesOf(message)[0]!;
  const last = outbox.findLast((entry) => lanesOf(entry.message).includes(lane));
  if (last && last.sends === 0 && absorb(last.message, message)) {
    last.isStored = false;
    return;
  }
  outbox.push({ message, sends: 0, isStored: false, isInFlight: false, notBefore: 0 });
}

/** How many changes a person would count: each field once, each other message once. */
export function countWaiting(outbox: Waiting[], drafts: Drafts): number {
  const changes = new Set<string>();
  for (const [id, fields] of drafts) Object.keys(fields).forEach((key) => changes.add(`${id} ${key}`));
  for (const { message, settledBy } of outbox) {
    if (settledBy) continue;
    if (message.type !== 'workspace.update') changes.add(message.request_id);
    else Object.keys(message.updates).forEach((key) => changes.add(`${message.workspace_id} ${key}`));
  }
  return changes.size;
}

function absorb(last: ClientMessage, next: ClientMessage): boolean {
  if (last.type === 'workspace.update' && next.type === 'workspace.update') {
    last.updates = { ...last.updates, ...next.updates };
    return true;
  }
  if (last.type === 'workspace.reorder' && next.type === 'workspace.reorder') {
    last.workspace_ids = next.workspace_ids;
    return true;
  }
  return false;
}
