import { Types } from 'mongoose';
import type { Changes } from '../contract/workspace';
import { AppError } from '../utils/errors';
import { ownStamp } from '../utils/process-id';
import { notApplied, remember } from './updates';
import { Workspace, workspaceNotFound, type StoredWorkspace } from './workspace';
import {
  changeBy,
  isNewer,
  isUnresolved,
  fieldKey,
  findKnown,
  noteRead,
  noteStoredBefore,
  resolveMessage,
  type Changed,
  type Known,
  type Sent,
} from './repetitions';

const maxTries = 20;

export type Edit = Sent & {
  changes: Changes;
};
export type EditResult = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** The changes to broadcast to the others; null when there are none, or they were broadcast before. */
  broadcast: Changes | null;
  /** The values of other authors that this edit replaced unseen. */
  replaced: Changes;
  /** The fields that a repetition left alone, since newer changes exist. */
  kept: string[];
};

type Arrival = { edit: Edit; resolve: (result: EditResult) => void; reject: (error: unknown) => void };

/** The edits of this tick, by workspace. */
const arriving = new Map<string, Arrival[]>();

/**
 * Stores the changes of one message, once for each request_id; throws WORKSPACE_NOT_FOUND for an unknown or deleted workspace.
 * Edits of one workspace in the same tick are coalesced into one write, each with a version of its own.
 */
export function applyEdit(edit: Edit): Promise<EditResult> {
  return new Promise((resolve, reject) => {
    const arrivals = arriving.get(edit.workspaceId);
    if (arrivals) return void arrivals.push({ edit, resolve, reject });
    arriving.set(edit.workspaceId, [{ edit, resolve, reject }]);
    queueMicrotask(() => void storeArrived(edit.workspaceId));
  });
}

async function storeArrived(workspaceId: string): Promise<void> {
  const arrivals = arriving.get(workspaceId)!;
  arriving.delete(workspaceId);
  try {
    const results = arrivals.length > 1 ? await storeTogether(arrivals.map(({ edit }) => edit)) : null;
    for (const [index, { edit, resolve }] of arrivals.entries()) resolve(results?.[index] ?? (await storeAlone(edit)));
  } catch (error) {
    // The workspace or the database is gone, which fails all of them.
    for (const { reject } of arrivals) reject(error);
  }
}

/** Stores edits of one workspace in one write; null, with nothing stored, if one of them may be a repetition. */
async function storeTogether(edits: Edit[]): Promise<EditResult[] | null> {
  const known = await knownOf(edits[0]!.workspaceId);
  const keys = edits.flatMap(({ key }) => key ?? []);
  const areNew = new Set(keys).size === keys.length;
  return areNew && edits.every((edit) => withoutNewer(known, edit) === edit.changes) ? write(known, edits) : null;
}

async function storeAlone(edit: Edit): Promise<EditResult> {
  const { workspaceId, key } = edit;
  for (let race = 0; race < maxTries; race++) {
    const known = await knownOf(workspaceId);
    const changes = withoutNewer(known, edit);
    const [result] = (await write(known, [{ ...edit, changes }])) ?? [];
    if (result) return { ...result, kept: Object.keys(edit.changes).filter((field) => !(field in changes)) };

    const found = await read(workspaceId);
    const present = noteRead(found);
    if (key === undefined || !found.applied.includes(key)) continue;
    // The first sending was stored but its reply was lost, so it may not have been broadcast either.
    const wasUnresolved = isUnresolved(edit);
    noteStoredBefore(present, edit);
    resolveMessage(workspaceId, key);
    return {
      version: found.version,
      updated_at: found.updated_at,
      broadcast: wasUnresolved ? changes : null,
      replaced: {},
      kept: [],
    };
  }
  const message = 'Others are editing this workspace at the same time, so nothing was stored; try again.';
  throw new AppError('BUSY', message);
}

/** The changes of an edit, without the fields that have newer changes if it is a repetition. */
function withoutNewer(known: Known, edit: Edit): Changes {
  const left = Object.entries(edit.changes).filter(([field]) => !isNewer(known, field, edit));
  return left.length < Object.keys(edit.changes).length ? Object.fromEntries(left) : edit.changes;
}

/**
 * Stores the edits only against the known version, so that a delayed write cannot overwrite a newer one. Null, with nothing
 * stored, when the version has changed or one of the edits was applied before.
 */
async function write(known: Known, edits: Edit[]): Promise<EditResult[] | null> {
  const { workspaceId } = edits[0]!;
  const keys = edits.flatMap(({ key }) => key ?? []);
  const version = known.version + edits.length;
  const now = new Date();
  const replaced = edits.map((edit) => unseenFields(known, edit));
  const changed = new Map(
    edits.flatMap((edit, index) => {
      const last = changeBy(edit, known.version + 1 + index);
      return Object.keys(edit.changes).map((field): [string, Changed] => [fieldKey(field), last]);
    }),
  );
  const stamps = [...changed].map(([field, { version: at, by }]) => [
    `changed.${field}`,
    { version: at, ...(by && { by }) },
  ]);
  // With the driver, since Mongoose would cast parsed values again and double the CPU time of an edit.
  const before: Record<string, unknown> | null = await Workspace.collection.findOneAndUpdate(
    { _id: new Types.ObjectId(workspaceId), deleted_at: null, version: known.version, ...notApplied(keys) },
    {
      $set: {
        ...edits.reduce<Changes>((merged, { changes }) => ({ ...merged, ...changes }), {}),
        ...(Object.fromEntries(stamps) as object),
        version,
        updated_at: now,
        stored_by: ownStamp(edits.length),
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
    resolveMessage(workspaceId, key);
    return {
      version: version - edits.length + 1 + index,
      updated_at,
      broadcast: changes,
      replaced: valuesOf(before, replaced[index]!),
      kept: [],
    };
  });
}

/** The fields that another author has changed since the version that this author saw. */
const unseenFields = ({ changed }: Known, { changes, baseVersion, author }: Edit): string[] =>
  Object.keys(changes).filter((field) => {
    const last = changed.get(fieldKey(field));
    const isByOther = last?.author === undefined || last.author !== author;
    return baseVersion !== undefined && last !== undefined && last.version > baseVersion && isByOther;
  });

const valuesOf = (stored: Record<string, unknown>, fields: string[]): Changes =>
  Object.fromEntries(
    fields.map((field) => [
      field,
      fieldKey(field) === field ? stored[field] : (stored.form_data as Record<string, unknown>)[fieldKey(field)],
    ]),
  );

async function knownOf(workspaceId: string): Promise<Known> {
  return findKnown(workspaceId) ?? noteRead(await read(workspaceId));
}

/** Reads the version that the next write must match; throws WORKSPACE_NOT_FOUND for an unknown or deleted workspace. */
async function read(workspaceId: string): Promise<StoredWorkspace> {
  const fields = { version: 1, updated_at: 1, changed: 1, applied: 1 };
  const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }, fields).lean<StoredWorkspace>();
  if (!found) throw workspaceNotFound();
  return found;
}
