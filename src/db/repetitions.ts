import { createHash } from 'node:crypto';
import type { Types } from 'mongoose';
import { BoundedMap } from '../utils/bounded-map';
import { isOnlyServer } from './servers';

// A repeated edit must not overwrite what was stored after it was first sent:
//   1. A edits the prompt. The database is unavailable, and A gets an error.
//   2. B edits the prompt too, and is acknowledged.
//   3. A sends its edit again, as the error says. Stored now, it would overwrite B's newer edit.
// So each field keeps the version that last changed it, and a repetition leaves newer values alone. A value is newer if it
// arrived after the first sending of the repetition, if this process received that; otherwise, if it is later than what the
// sender had seen (`base_version`, `base_order`). How a repetition is recognised at all: docs/modules.md.

const workspacesKept = 10_000;
const unresolvedKept = 20_000;
const ordersKept = 1000;
const filmsKept = 1000;
const partPrefix = /^(form_data|cut|settings)\./;

/** What is needed to tell whether a message is a repetition, and what it may still change. */
export type MessageIdentity = {
  /** The workspace or the film that it is about; for a reorder its film. */
  documentId: string;
  /** The idempotency key: `<type> <request_id>`. */
  key: string | undefined;
  /** The version of the document that its sender saw. */
  baseVersion?: number;
  /** The connection that sent it. */
  sender?: object;
};

/** The last change of a field. */
export type Changed = {
  version: number;
  /** The key of the message that made it. */
  by?: string;
  /** Its number in the order of arrival, and its sender, if it arrived at this process. */
  sequence?: number;
  sender?: object;
};

/** A workspace or a film, as far as edits need it. */
export type Versioned = {
  _id: Types.ObjectId;
  version: number;
  updated_at: Date | string;
  changed?: Record<string, { version: number; by?: string }>;
  applied: string[];
  film_id?: Types.ObjectId;
};

/** What this process knows about a workspace or a film without asking the database. */
export type Seen = Pick<Versioned, 'version' | 'updated_at'> & {
  /** The film of a workspace. */
  filmId: string | null;
  /** By field, without the prefix of its part. */
  changed: Map<string, Changed>;
  /** The first version that this process saw. A message based on it or an earlier one may have been sent to another process. */
  firstSeenVersion: number;
};

/** A message answered with "send it again": its number in the order of arrival, and the version known at that time. */
type Unresolved = { sequence: number; version: number | null };

const seenDocuments = new BoundedMap<string, Seen>(workspacesKept);
const unresolved = new BoundedMap<string, Unresolved>(unresolvedKept);
/** The orders stored by this process. A reorder based on one of them cannot have been sent to another process before. */
const ordersMadeHere = new BoundedMap<string, true>(ordersKept);
let lastSequence = 0;
/** By film. */
const orderSequences = new BoundedMap<string, number>(filmsKept);

/** Remembers a message answered with "send it again", since it may have been stored; its repetition resolves it. */
export function markUnresolved(documentId: string | null, key: string | undefined): void {
  if (!key || !documentId) return;
  const name = nameOf(documentId, key);
  if (unresolved.has(name)) return;
  unresolved.set(name, { sequence: ++lastSequence, version: seenDocuments.get(documentId)?.version ?? null });
}

/** Forgets a message whose outcome is known. */
export function resolveMessage(documentId: string, key: string | undefined): void {
  if (key) unresolved.delete(nameOf(documentId, key));
}

/** Whether a message was answered with "send it again" and its outcome is still open. */
export const isUnresolved = ({ documentId, key }: MessageIdentity): boolean =>
  unresolvedOf(documentId, key) !== undefined;

/** What this process knows about a workspace or a film; undefined if it has not seen it. */
export const findSeen = (documentId: string): Seen | undefined => seenDocuments.get(documentId);

/** Updates what is known about a workspace or a film from a read. */
export function noteRead({ _id, version, updated_at, film_id, changed = {} }: Omit<Versioned, 'applied'>): Seen {
  const documentId = String(_id);
  const before = seenDocuments.get(documentId);
  const entries = Object.entries(changed).map(([key, at]): [string, Changed] => {
    const last = before?.changed.get(key);
    return [key, last?.version === at.version ? last : { ...at }];
  });
  const filmId = film_id ? String(film_id) : null;
  const read = {
    version,
    updated_at,
    filmId,
    changed: new Map(entries),
    firstSeenVersion: before?.firstSeenVersion ?? version,
  };
  seenDocuments.set(documentId, read);
  return read;
}

/** Records a workspace or a film created by this process, so that no edit of it can have been sent to another process before. */
export function noteCreated({ _id, version, updated_at, film_id }: Omit<Versioned, 'applied'>): void {
  const filmId = film_id ? String(film_id) : null;
  seenDocuments.set(String(_id), { version, updated_at, filmId, changed: new Map(), firstSeenVersion: 0 });
}

/** The record of a change that a message makes; a repetition counts as arrived when it was first sent. */
export function recordOf({ documentId, key, sender }: MessageIdentity, version: number): Changed {
  return { version, by: key, sender, sequence: unresolvedOf(documentId, key)?.sequence ?? ++lastSequence };
}

/** Records the sender and the arrival of the changes that a repeated message had stored the first time. */
export function noteStoredBefore({ changed }: Seen, { documentId, key, sender }: MessageIdentity): void {
  const { sequence } = unresolvedOf(documentId, key) ?? {};
  for (const last of changed.values()) if (last.by === key) Object.assign(last, { sender, sequence });
}

/** Whether the field has a newer value, unseen by the sender, that this message must not overwrite if it is a repetition. */
export function hasNewerValue({ changed, firstSeenVersion }: Seen, field: string, sent: MessageIdentity): boolean {
  const { documentId, key, baseVersion, sender } = sent;
  const last = changed.get(fieldKey(field));
  if (!last) return false;
  const pending = unresolvedOf(documentId, key);
  const sequence = last.sequence ?? unresolvedOf(documentId, last.by)?.sequence;
  if (pending && sequence !== undefined) return sequence > pending.sequence;
  if (!pending && baseVersion === undefined) return false;
  const mayBeRepeated = pending !== undefined || baseVersion! <= firstSeenVersion || !isOnlyServer();
  const isOwn = last.sender !== undefined && last.sender === sender;
  return mayBeRepeated && !isOwn && last.version > (baseVersion ?? pending?.version ?? firstSeenVersion);
}

/** Whether a reorder may be a repetition, and the stored order has changed since it was first sent. */
export function isOrderOvertaken(
  { documentId, key }: MessageIdentity,
  stored: string[],
  baseOrder: string[] | undefined,
): boolean {
  const pending = unresolvedOf(documentId, key);
  if (pending && (isOnlyServer() || !baseOrder)) return (orderSequences.get(documentId) ?? 0) > pending.sequence;
  if (!baseOrder) return false;
  const mayBeRepeated = !isMadeHere(baseOrder) || !isOnlyServer();
  return mayBeRepeated && !isSameOrder(stored, baseOrder);
}

/** Resolves a reorder, and records the order if it was changed. */
export function resolveReorder({ documentId, key }: MessageIdentity, stored: string[], isChanged: boolean): void {
  if (isChanged) orderSequences.set(documentId, unresolvedOf(documentId, key)?.sequence ?? ++lastSequence);
  if (isChanged) ordersMadeHere.set(digestOf(stored), true);
  resolveMessage(documentId, key);
}

/** A field without the prefix of its part; no two parts of a document have a field of the same name. */
export const fieldKey = (field: string): string => field.replace(partPrefix, '');

const isMadeHere = (order: string[]): boolean =>
  order.some((id) => seenDocuments.get(id)?.firstSeenVersion === 0) || ordersMadeHere.has(digestOf(order));

/** Whether the ids in both lists have the same order. */
function isSameOrder(one: string[], other: string[]): boolean {
  const inOther = new Set(other);
  const inOne = new Set(one);
  const rest = other.filter((id) => inOne.has(id));
  return one.filter((id) => inOther.has(id)).every((id, index) => id === rest[index]);
}

const digestOf = (order: string[]): string => createHash('sha1').update(order.join()).digest('base64');

const unresolvedOf = (documentId: string, key: string | undefined): Unresolved | undefined =>
  key === undefined ? undefined : unresolved.get(nameOf(documentId, key));

const nameOf = (documentId: string, key: string): string => `${documentId} ${key}`;
