import { Types, type mongo } from 'mongoose';
import { AppError } from '../utils/errors';
import { newWriteId } from '../utils/process-id';
import { notApplied, remember } from './updates';
import { Film, filmNotFound } from './film';
import { Workspace, workspaceNotFound } from './workspace';
import {
  recordOf,
  hasNewerValue,
  isUnresolved,
  fieldKey,
  findSeen,
  noteRead,
  noteStoredBefore,
  resolveMessage,
  type Changed,
  type Seen,
  type MessageIdentity,
  type Versioned,
} from './repetitions';

type Kind = 'workspace' | 'film';
type Fields = Record<string, unknown>;

/** An edit of a workspace or of a film. */
export type Edit<Of extends object = Fields> = MessageIdentity & { kind: Kind; changes: Of };
export type EditResult<Of extends object = Fields> = {
  version: number;
  updated_at: string;
  /** The film of a workspace; null for a film. */
  filmId: string | null;
  /** The changes to broadcast to the others; null when there are none, or they were broadcast before. */
  broadcast: Of | null;
  /** The values of others that this edit replaced and its sender had not seen. */
  replaced: Of;
  /** The fields that a repetition left alone, since they have newer values. */
  kept: string[];
};

type Arrival = { edit: Edit; resolve: (result: EditResult) => void; reject: (error: unknown) => void };

const maxTries = 20;
const models = { workspace: Workspace, film: Film };
const notFound = { workspace: workspaceNotFound, film: filmNotFound };

/** The edits that arrived in this tick, by document. */
const arriving = new Map<string, Arrival[]>();

/**
 * Stores the changes of one message, once for each request_id; throws WORKSPACE_NOT_FOUND or FILM_NOT_FOUND for an unknown or
 * deleted document. Edits of one document in the same tick are coalesced into one write, each with its own version.
 */
export function applyEdit<Of extends object>(edit: Edit<Of>): Promise<EditResult<Of>> {
  const result = new Promise<EditResult>((resolve, reject) => {
    const arrival = { edit: edit as Edit, resolve, reject };
    const arrivals = arriving.get(edit.documentId);
    if (arrivals) return void arrivals.push(arrival);
    arriving.set(edit.documentId, [arrival]);
    queueMicrotask(() => void storeArrived(edit.documentId));
  });
  return result as Promise<EditResult<Of>>;
}

async function storeArrived(documentId: string): Promise<void> {
  const arrivals = arriving.get(documentId)!;
  arriving.delete(documentId);
  try {
    const results = arrivals.length > 1 ? await storeTogether(arrivals.map(({ edit }) => edit)) : null;
    for (const [index, { edit, resolve }] of arrivals.entries()) resolve(results?.[index] ?? (await storeAlone(edit)));
  } catch (error) {
    // The document is gone or the database is unavailable, so all of them fail.
    for (const { reject } of arrivals) reject(error);
  }
}

/** Stores edits of one document in one write; null, with nothing stored, if one of them may be a repetition. */
async function storeTogether(edits: Edit[]): Promise<EditResult[] | null> {
  const known = await knownOf(edits[0]!);
  const keys = edits.flatMap(({ key }) => key ?? []);
  const areNew = new Set(keys).size === keys.length;
  return areNew && edits.every((edit) => withoutNewer(known, edit) === edit.changes) ? write(known, edits) : null;
}

async function storeAlone(edit: Edit): Promise<EditResult> {
  const { documentId, key } = edit;
  for (let race = 0; race < maxTries; race++) {
    const known = await knownOf(edit);
    const changes = withoutNewer(known, edit);
    const [result] = (await write(known, [{ ...edit, changes }])) ?? [];
    if (result) return { ...result, kept: Object.keys(edit.changes).filter((field) => !(field in changes)) };

    const found = await read(edit);
    const present = noteRead(found);
    if (key === undefined || !found.applied.includes(key)) continue;
    // It was stored when it was first sent, but its reply was lost, so it may not have been broadcast either.
    const wasUnresolved = isUnresolved(edit);
    noteStoredBefore(present, edit);
    resolveMessage(documentId, key);
    return {
      version: found.version,
      updated_at: toIso(found.updated_at),
      filmId: present.filmId,
      broadcast: wasUnresolved ? changes : null,
      replaced: {},
      kept: [],
    };
  }
  const message = 'Others are editing the same thing at the same time, so nothing was stored; try again.';
  throw new AppError('BUSY', message);
}

/** The changes of an edit; for a repetition, without the fields that have newer values. */
function withoutNewer(known: Seen, edit: Edit): Fields {
  const left = Object.entries(edit.changes).filter(([field]) => !hasNewerValue(known, field, edit));
  return left.length < Object.keys(edit.changes).length ? Object.fromEntries(left) : edit.changes;
}

/**
 * Stores the edits only if the version is still the known one, so that a delayed write cannot overwrite a newer one. Stores
 * nothing and returns null if it is another one, or if one of the edits was applied before.
 */
async function write(known: Seen, edits: Edit[]): Promise<EditResult[] | null> {
  const { documentId, kind } = edits[0]!;
  const keys = edits.flatMap(({ key }) => key ?? []);
  const version = known.version + edits.length;
  const now = new Date();
  const replaced = edits.map((edit) => unseenFields(known, edit));
  const changed = new Map(
    edits.flatMap((edit, index) => {
      const last = recordOf(edit, known.version + 1 + index);
      return Object.keys(edit.changes).map((field): [string, Changed] => [fieldKey(field), last]);
    }),
  );
  const fieldChanges = [...changed].map(([field, { version: at, by }]) => [
    `changed.${field}`,
    { version: at, ...(by && { by }) },
  ]);
  // Uses the driver: Mongoose would cast the parsed values once more, which doubles the CPU time of an edit.
  const before: Record<string, unknown> | null = await collectionOf(kind).findOneAndUpdate(
    { _id: new Types.ObjectId(documentId), deleted_at: null, version: known.version, ...notApplied(keys) },
    {
      $set: {
        ...edits.reduce<Fields>((merged, { changes }) => ({ ...merged, ...changes }), {}),
        ...(Object.fromEntries(fieldChanges) as object),
        version,
        updated_at: now,
        stored_by: newWriteId(edits.length),
      },
      ...remember(keys),
    } as object,
    { projection: { _id: 1, ...Object.fromEntries(replaced.flat().map((field) => [field, 1])) } },
  );
  if (!before) return null;
  const updated_at = now.toISOString();
  Object.assign(known, { version, updated_at });
  for (const [field, last] of changed) known.changed.set(field, last);
  return edits.map(({ changes, key }, index) => {
    resolveMessage(documentId, key);
    return {
      filmId: known.filmId,
      version: version - edits.length + 1 + index,
      updated_at,
      broadcast: changes,
      replaced: valuesOf(before, replaced[index]!),
      kept: [],
    };
  });
}

/** The fields that others have changed since the version that the sender saw. */
const unseenFields = ({ changed }: Seen, { changes, baseVersion, sender }: Edit): string[] =>
  Object.keys(changes).filter((field) => {
    const last = changed.get(fieldKey(field));
    const isByOther = last?.sender === undefined || last.sender !== sender;
    return baseVersion !== undefined && last !== undefined && last.version > baseVersion && isByOther;
  });

const valuesOf = (stored: Fields, fields: string[]): Fields =>
  Object.fromEntries(fields.map((field) => [field, valueAt(stored, field)]));

/** The value at a dotted key of one or two names. */
function valueAt(stored: Fields, field: string): unknown {
  const [part = '', key] = field.split('.');
  return key === undefined ? stored[part] : (stored[part] as Fields)[key];
}

const toIso = (time: Date | string): string => new Date(time).toISOString();

const collectionOf = (kind: Kind): mongo.Collection => models[kind].collection;

const knownOf = async (edit: Edit): Promise<Seen> => findSeen(edit.documentId) ?? noteRead(await read(edit));

/** Reads the version that the next write must match; throws for an unknown or deleted document. */
async function read({ documentId, kind }: Edit): Promise<Versioned> {
  const fields = { version: 1, updated_at: 1, changed: 1, applied: 1, ...(kind === 'workspace' && { film_id: 1 }) };
  const filter = { _id: documentId, deleted_at: null };
  const found =
    kind === 'workspace'
      ? await Workspace.findOne(filter, fields).lean<Versioned>()
      : await Film.findOne(filter, fields).lean<Versioned>();
  if (!found) throw notFound[kind](documentId);
  return found;
}
