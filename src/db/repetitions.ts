import { createHash } from 'node:crypto';
import { BoundedMap } from '../utils/bounded-map';
import type { StoredWorkspace } from './workspace';
import { isOnlyServer } from './servers';

// Why a repetition needs its original place in time:
//   1. A edits the prompt; the database is unavailable, and A gets an error.
//   2. B edits the prompt too, which is acknowledged.
//   3. A retries, as the error says. Stored now, it would overwrite B's newer edit.
// So each field keeps the version that changed it last, and a repetition leaves newer changes alone. Its place is that of its
// first arrival if this process knows it, else what its author had seen (`base_version`, `base_order`).

const workspacesKept = 10_000;
const unresolvedKept = 20_000;
const ordersKept = 1000;
/** Stands for a workspace id in the names of order messages. */
const orderName = 'order';
const formPrefix = 'form_data.';

/** What tells a repeated message from a new one. */
export type Sent = {
  workspaceId: string;
  /** The idempotency key: `<type> <request_id>`. */
  key: string | undefined;
  /** The version of the workspace that its author saw. */
  baseVersion?: number;
  /** The connection that sent it. */
  author?: object;
};

/** The last change of a field. */
export type Changed = {
  version: number;
  /** The key of the message that made it. */
  by?: string;
  /** Its place in the order of arrival and its sender, if it arrived at this process. */
  place?: number;
  author?: object;
};

/** What this process knows about a workspace without asking the database. */
export type Known = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** By field, without the `form_data.` prefix. */
  changed: Map<string, Changed>;
  /** The first version that this process saw: an author who saw no later one may have sent its message to another process. */
  since: number;
};

/** A message answered with "send it again": its place in the order of arrival, and the version known at that time. */
type Unresolved = { place: number; version: number | null };

const knowns = new BoundedMap<string, Known>(workspacesKept);
const unresolved = new BoundedMap<string, Unresolved>(unresolvedKept);
/** The orders made by this process, so that a reorder based on one cannot have been sent to another process before. */
const ordersMadeHere = new BoundedMap<string, true>(ordersKept);
let places = 0;
let lastOrderPlace = 0;

/** Remembers a message answered with "send it again": it may have been stored, and a repetition resolves it. */
export function markUnresolved(workspaceId: string | undefined, key: string | undefined): void {
  if (!key) return;
  const name = nameOf(workspaceId ?? orderName, key);
  if (unresolved.has(name)) return;
  unresolved.set(name, { place: ++places, version: knowns.get(workspaceId ?? '')?.version ?? null });
}

/** Forgets a message whose outcome is known. */
export function resolveMessage(workspaceId: string, key: string | undefined): void {
  if (key) unresolved.delete(nameOf(workspaceId, key));
}

/** Whether a message was answered with "send it again" and has not been resolved. */
export const isUnresolved = ({ workspaceId, key }: Sent): boolean => unresolvedOf(workspaceId, key) !== undefined;

/** What this process knows about a workspace; undefined if it has not seen it. */
export const findKnown = (workspaceId: string): Known | undefined => knowns.get(workspaceId);

/** Updates what is known about a workspace from a read. */
export function noteRead({ _id, version, updated_at, changed = {} }: StoredWorkspace): Known {
  const workspaceId = String(_id);
  const before = knowns.get(workspaceId);
  const entries = Object.entries(changed).map(([key, at]): [string, Changed] => {
    const last = before?.changed.get(key);
    return [key, last?.version === at.version ? last : { ...at }];
  });
  const read = { version, updated_at, changed: new Map(entries), since: before?.since ?? version };
  knowns.set(workspaceId, read);
  return read;
}

/** Records a workspace created by this process, so that no edit of it can have been sent to another process before. */
export function noteCreated({ _id, version, updated_at }: StoredWorkspace): void {
  knowns.set(String(_id), { version, updated_at, changed: new Map(), since: 0 });
}

/** The change that a message makes at a version. */
export function changeBy({ workspaceId, key, author }: Sent, version: number): Changed {
  return { version, by: key, author, place: unresolvedOf(workspaceId, key)?.place ?? ++places };
}

/** Records that a repeated message had been stored by its first sending. */
export function noteStoredBefore({ changed }: Known, { workspaceId, key, author }: Sent): void {
  const { place } = unresolvedOf(workspaceId, key) ?? {};
  for (const last of changed.values()) if (last.by === key) Object.assign(last, { author, place });
}

/** Whether a message that may be a repetition meets a newer change of the field that its author had not seen. */
export function isNewer({ changed, since }: Known, field: string, sent: Sent): boolean {
  const { workspaceId, key, baseVersion, author } = sent;
  const last = changed.get(fieldKey(field));
  if (!last) return false;
  const pending = unresolvedOf(workspaceId, key);
  const place = last.place ?? unresolvedOf(workspaceId, last.by)?.place;
  if (pending && place !== undefined) return place > pending.place;
  if (!pending && baseVersion === undefined) return false;
  const mayBeRepeated = pending !== undefined || baseVersion! <= since || !isOnlyServer();
  const isOwn = last.author !== undefined && last.author === author;
  return mayBeRepeated && !isOwn && last.version > (baseVersion ?? pending?.version ?? since);
}

/** Whether a reorder that may be a repetition meets another stored order than its author saw. */
export function isOrderOvertaken(stored: string[], key: string | undefined, baseOrder?: string[]): boolean {
  const pending = unresolvedOf(orderName, key);
  if (pending && (isOnlyServer() || !baseOrder)) return lastOrderPlace > pending.place;
  if (!baseOrder) return false;
  const mayBeRepeated = !isMadeHere(baseOrder) || !isOnlyServer();
  return mayBeRepeated && !isSameOrder(stored, baseOrder);
}

/** Records the order that a reorder has stored or left unchanged. */
export function resolveReorder(stored: string[], key: string | undefined, isChanged: boolean): void {
  if (isChanged) lastOrderPlace = unresolvedOf(orderName, key)?.place ?? ++places;
  if (isChanged) ordersMadeHere.set(digestOf(stored), true);
  resolveMessage(orderName, key);
}

/** A field without the `form_data.` prefix. */
export const fieldKey = (field: string): string =>
  field.startsWith(formPrefix) ? field.slice(formPrefix.length) : field;

const isMadeHere = (order: string[]): boolean =>
  order.some((id) => knowns.get(id)?.since === 0) || ordersMadeHere.has(digestOf(order));

/** Whether the ids in both lists have the same order. */
function isSameOrder(one: string[], other: string[]): boolean {
  const inOther = new Set(other);
  const inOne = new Set(one);
  const rest = other.filter((id) => inOne.has(id));
  return one.filter((id) => inOther.has(id)).every((id, index) => id === rest[index]);
}

const digestOf = (order: string[]): string => createHash('sha1').update(order.join()).digest('base64');

const unresolvedOf = (workspaceId: string, key: string | undefined): Unresolved | undefined =>
  key === undefined ? undefined : unresolved.get(nameOf(workspaceId, key));

const nameOf = (workspaceId: string, key: string): string => `${workspaceId} ${key}`;
