import { Types } from 'mongoose';
import type { Changes } from '../contract';
import { BoundedMap } from '../utils/bounded-map';
import { AppError } from '../utils/errors';
import { notApplied, toSet, Workspace, workspaceNotFound, type StoredWorkspace } from './mongodb';

const openEditsKept = 20_000;
const changedFieldsKept = 100_000;
const workspacesKept = 10_000;
const maxFenceRaces = 5;

/**
 * The number that an edit of a workspace must meet in the document. This process takes a new one before its first edit of
 * the workspace and after every edit whose fate is open, so that a write still on its way to a frozen database
 * can no longer land on top of an edit that was acknowledged after it.
 */
const fences = new BoundedMap<string, number>(workspacesKept);

/**
 * The edits that were not acknowledged and will come again, each with its place in the order of arrival. It keeps that
 * place, so that it changes no field that an edit from after it has changed.
 */
const openEdits = new BoundedMap<string, number>(openEditsKept);

/** The place of the last edit that changed a field; known while there are open edits. */
const changedBy = new BoundedMap<string, number>(changedFieldsKept);

let places = 0;

export type Edit = { workspaceId: string; changes: Changes; applied: string | undefined };
export type EditResult = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** What the others must be told; null when they were told before. */
  told: Changes | null;
};

type Arrival = { edit: Edit; resolve: (result: EditResult) => void; reject: (error: unknown) => void };

/** What has come in this tick, by workspace. */
const arriving = new Map<string, Arrival[]>();

/**
 * Stores the changes of one message, once for each request_id; throws WORKSPACE_NOT_FOUND for an unknown or deleted workspace.
 * Edits of one workspace that come in the same tick are stored in one write, each a version of its own.
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
    // What stopped one stops all that follow: the workspace or the database is gone.
    for (const { reject } of arrivals) reject(error);
  }
}

/** One write for edits of one workspace that are all new; null, and nothing is stored, where one of them may not be. */
async function storeTogether(edits: Edit[]): Promise<EditResult[] | null> {
  const { workspaceId } = edits[0]!;
  const names = edits.flatMap(({ applied }) => applied ?? []);
  const isNew = new Set(names).size === names.length && !names.some((name) => openEdits.has(nameOf(workspaceId, name)));
  const stored = isNew && (await write(workspaceId, edits));
  if (!stored) return null;
  return edits.map((edit, index) => {
    settleEdit(edit, ++places);
    return { ...stored, version: stored.version - edits.length + 1 + index, told: edit.changes };
  });
}

async function storeAlone({ workspaceId, changes, applied }: Edit): Promise<EditResult> {
  const openSince = applied && openEdits.get(nameOf(workspaceId, applied));
  const wanted = openSince ? leaveOutOvertaken(workspaceId, changes, openSince) : changes;
  const edit = { workspaceId, changes: wanted, applied };
  const place = openSince || ++places;

  for (let race = 0; race < maxFenceRaces; race++) {
    const stored = await write(workspaceId, [edit]);
    if (stored) {
      settleEdit(edit, place);
      return { ...stored, told: wanted };
    }

    const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
    if (!found) throw workspaceNotFound();
    if (applied && found.applied.includes(applied)) {
      // Stored by the first sending, whose answer was lost: then the others have not been told either.
      if (openSince) settleEdit(edit, place);
      return { version: found.version, updated_at: found.updated_at, told: openSince ? wanted : null };
    }
    fences.delete(workspaceId);
  }
  throw new AppError(
    'BUSY',
    'Another server is editing this workspace at the same time; nothing was stored, try again.',
  );
}

/** Stores all the edits or, where one was applied before or the fence has moved, none: then null. */
async function write(workspaceId: string, edits: Edit[]) {
  const names = edits.flatMap(({ applied }) => applied ?? []);
  const changes = edits.reduce<Changes>((merged, edit) => ({ ...merged, ...edit.changes }), {});
  const fence = fences.get(workspaceId) ?? (await takeFence(workspaceId));
  // By the driver: Mongoose would cast what was parsed already, and double the CPU of an edit.
  const stored = await Workspace.collection.findOneAndUpdate(
    { _id: new Types.ObjectId(workspaceId), deleted_at: null, fence, ...notApplied(names) },
    toSet(changes, names, edits.length) as object,
    { returnDocument: 'after', projection: { _id: 0, version: 1, updated_at: 1 } },
  );
  return stored as Pick<StoredWorkspace, 'version' | 'updated_at'> | null;
}

/** Remembers an edit that was answered "later": perhaps it is stored, and the same request_id again, if it has one, settles it. */
export function leaveEditOpen(workspaceId: string, applied?: string): void {
  fences.delete(workspaceId);
  if (!applied) return;
  const name = nameOf(workspaceId, applied);
  if (openEdits.has(name)) return;
  openEdits.set(name, ++places);
}

async function takeFence(workspaceId: string): Promise<number> {
  const taken = await Workspace.findOneAndUpdate(
    { _id: workspaceId, deleted_at: null },
    { $inc: { fence: 1 } },
    { returnDocument: 'after', projection: { fence: 1 } },
  ).lean<StoredWorkspace>();
  if (!taken) throw workspaceNotFound();
  fences.set(workspaceId, taken.fence);
  return taken.fence;
}

function settleEdit({ workspaceId, changes, applied }: Edit, place: number): void {
  if (openEdits.size === 0) return;
  if (applied) openEdits.delete(nameOf(workspaceId, applied));
  for (const field of Object.keys(changes)) changedBy.set(nameOf(workspaceId, field), place);
  if (openEdits.size === 0) changedBy.clear();
}

const leaveOutOvertaken = (workspaceId: string, changes: Changes, place: number): Changes =>
  Object.fromEntries(
    Object.entries(changes).filter(([field]) => (changedBy.get(nameOf(workspaceId, field)) ?? 0) < place),
  );

const nameOf = (workspaceId: string, what: string): string => `${workspaceId} ${what}`;
