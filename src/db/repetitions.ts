import { createHash } from 'node:crypto';
import { BoundedMap } from '../utils/bounded-map';
import type { StoredWorkspace } from './workspace';
import { isOnlyServer } from './servers';

// Why a repetition must know its place, in time:
//   1. A sends an edit of the prompt; the database is away, and A is told so.
//   2. B edits the prompt too, and that is acknowledged.
//   3. A sends the same again, as it was told to: stored now, it would overwrite what came after it.
// So each field keeps the version that changed it last, and a repetition leaves out what is newer than its own place: that
// of its arrival where this process knows it, else what its author had seen (`base_version`, `base_order`).

const workspacesKept = 10_000;
const unresolvedKept = 20_000;
const ordersKept = 1000;
/** Of what order messages are, as a workspace is what an edit is of. */
const orderName = 'order';
const formPrefix = 'form_data.';

/** What tells a repetition from a first sending. */
export type Sent = {
  workspaceId: string;
  /** The idempotency key: `<type> <request_id>`. */
  key: string | undefined;
  /** The version of the workspace that its author saw. */
  baseVersion?: number;
  /** Whoever sent it, as long as its connection lasts. */
  author?: object;
};

/** The last change of a field. */
export type Changed = {
  version: number;
  /** The message that made it, by its key. */
  by?: string;
  /** Its place in the order of arrival, and who sent it, where that was here. */
  place?: number;
  author?: object;
};

/** What this process knows of a workspace without asking the database. */
export type Known = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** By field, without the prefix of the form. */
  changed: Map<string, Changed>;
  /** The version that this process met first: whoever saw no later one may have sent its message to another process before. */
  since: number;
};

/** A message that was answered "send it again": its place in the order of arrival, and the version that was known then. */
type Unresolved = { place: number; version: number | null };

const knowns = new BoundedMap<string, Known>(workspacesKept);
const unresolved = new BoundedMap<string, Unresolved>(unresolvedKept);
/** The orders that only this process has made, so that nobody who saw one can have sent a reorder of it elsewhere. */
const ordersMadeHere = new BoundedMap<string, true>(ordersKept);
let places = 0;
let lastOrderPlace = 0;

/** Remembers a message that was answered "later": perhaps it is stored, and the same request_id again, if it has one, settles it. */
export function markUnresolved(workspaceId: string | undefined, key: string | undefined): void {
  if (!key) return;
  const name = nameOf(workspaceId ?? orderName, key);
  if (unresolved.has(name)) return;
  unresolved.set(name, { place: ++places, version: knowns.get(workspaceId ?? '')?.version ?? null });
}

/** Forgets a message whose fate is known. */
export function resolveMessage(workspaceId: string, key: string | undefined): void {
  if (key) unresolved.delete(nameOf(workspaceId, key));
}

/** Whether a message was answered "later", and not settled since. */
export const isUnresolved = ({ workspaceId, key }: Sent): boolean => unresolvedOf(workspaceId, key) !== undefined;

/** What is known of a workspace; undefined where this process has not met it. */
export const findKnown = (workspaceId: string): Known | undefined => knowns.get(workspaceId);

/** Takes in what was read of a workspace. */
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

/** Notes a workspace that this process has made, so that nobody can have sent an edit of it elsewhere. */
export function noteCreated({ _id, version, updated_at }: StoredWorkspace): void {
  knowns.set(String(_id), { version, updated_at, changed: new Map(), since: 0 });
}

/** The change that a message makes at a version. */
export function changeBy({ workspaceId, key, author }: Sent, version: number): Changed {
  return { version, by: key, author, place: unresolvedOf(workspaceId, key)?.place ?? ++places };
}

/** Notes that a message, which now came again, had been stored by its first sending. */
export function noteStoredBefore({ changed }: Known, { workspaceId, key, author }: Sent): void {
  const { place } = unresolvedOf(workspaceId, key) ?? {};
  for (const last of changed.values()) if (last.by === key) Object.assign(last, { author, place });
}

/** Whether a field was changed since by what a message's author had not seen, where the message may be a repetition. */
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

/** Whether another order is stored than the one that the author of a reorder saw, where the reorder may be a repetition. */
export function isOrderOvertaken(stored: string[], key: string | undefined, baseOrder?: string[]): boolean {
  const pending = unresolvedOf(orderName, key);
  if (pending && (isOnlyServer() || !baseOrder)) return lastOrderPlace > pending.place;
  if (!baseOrder) return false;
  const mayBeRepeated = !isMadeHere(baseOrder) || !isOnlyServer();
  return mayBeRepeated && !isSameOrder(stored, baseOrder);
}

/** Notes the order that a reorder has stored, or left as it is. */
export function resolveReorder(stored: string[], key: string | undefined, isChanged: boolean): void {
  if (isChanged) lastOrderPlace = unresolvedOf(orderName, key)?.place ?? ++places;
  if (isChanged) ordersMadeHere.set(digestOf(stored), true);
  resolveMessage(orderName, key);
}

/** A field without the prefix of the form. */
export const fieldKey = (field: string): string =>
  field.startsWith(formPrefix) ? field.slice(formPrefix.length) : field;

const isMadeHere = (order: string[]): boolean =>
  order.some((id) => knowns.get(id)?.since === 0) || ordersMadeHere.has(digestOf(order));

/** Whether what is in both stands in the same order. */
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
