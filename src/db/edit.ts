import type { Changes } from '../contract';
import { AppError } from '../utils/errors';
import { notApplied, toSet, Workspace, workspaceNotFound, type StoredWorkspace } from './mongodb';

/**
 * The number that an edit of a workspace must meet in the document. This process takes a new one before its first edit of
 * the workspace and after every edit whose fate is open, so that a write still on its way to a frozen database
 * can no longer land on top of an edit that was acknowledged after it.
 */
const fences = new Map<string, number>();

/**
 * The edits that were not acknowledged and will come again, each with its place in the order of arrival. It keeps that
 * place, so that it changes no field that an edit from after it has changed.
 */
const openEdits = new Map<string, number>();

/** The place of the last edit that changed a field; known while there are open edits. */
const changedBy = new Map<string, number>();

let arrivals = 0;

const openEditsKept = 20_000;
const changedFieldsKept = 100_000;
const workspacesKept = 10_000;
const maxFenceRaces = 5;

export type Edit = { workspaceId: string; changes: Changes; applied: string | undefined };
export type EditResult = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** What the others must be told; null when they were told before. */
  told: Changes | null;
};

/** Stores the changes of one message, once for each request_id; throws WORKSPACE_NOT_FOUND for an unknown or deleted workspace. */
export async function applyEdit({ workspaceId, changes, applied }: Edit): Promise<EditResult> {
  const openSince = applied && openEdits.get(nameOf(workspaceId, applied));
  const wanted = openSince ? leaveOutOvertaken(workspaceId, changes, openSince) : changes;
  const place = openSince || ++arrivals;

  for (let race = 0; race < maxFenceRaces; race++) {
    const fence = fences.get(workspaceId) ?? (await takeFence(workspaceId));
    const filter = { _id: workspaceId, deleted_at: null, fence, ...notApplied(applied) };
    const stored = await Workspace.findOneAndUpdate(filter, toSet(wanted, applied), {
      returnDocument: 'after',
      projection: { version: 1, updated_at: 1 },
    }).lean<StoredWorkspace>();
    if (stored) {
      settleEdit({ workspaceId, changes: wanted, applied }, place);
      return { version: stored.version, updated_at: stored.updated_at, told: wanted };
    }

    const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
    if (!found) throw workspaceNotFound();
    if (applied && found.applied.includes(applied)) {
      // Stored by the first sending, whose answer was lost: then the others have not been told either.
      if (openSince) settleEdit({ workspaceId, changes: wanted, applied }, place);
      return { version: found.version, updated_at: found.updated_at, told: openSince ? wanted : null };
    }
    fences.delete(workspaceId);
  }
  throw new AppError(
    'BUSY',
    'Another server is editing this workspace at the same time; nothing was stored, try again.',
  );
}

/** Remembers an edit that was answered "later": perhaps it is stored, and the same request_id again settles it. */
export function leaveEditOpen(workspaceId: string, applied: string): void {
  fences.delete(workspaceId);
  const name = nameOf(workspaceId, applied);
  if (openEdits.has(name)) return;
  openEdits.set(name, ++arrivals);
  if (openEdits.size > openEditsKept) openEdits.delete(oldest(openEdits));
}

async function takeFence(workspaceId: string): Promise<number> {
  const taken = await Workspace.findOneAndUpdate(
    { _id: workspaceId, deleted_at: null },
    { $inc: { fence: 1 } },
    { returnDocument: 'after', projection: { fence: 1 } },
  ).lean<StoredWorkspace>();
  if (!taken) throw workspaceNotFound();
  if (fences.size >= workspacesKept) fences.delete(oldest(fences));
  fences.set(workspaceId, taken.fence);
  return taken.fence;
}

function settleEdit({ workspaceId, changes, applied }: Edit, place: number): void {
  if (openEdits.size === 0) return;
  if (applied) openEdits.delete(nameOf(workspaceId, applied));
  for (const field of Object.keys(changes)) changedBy.set(nameOf(workspaceId, field), place);
  if (openEdits.size === 0) changedBy.clear();
  while (changedBy.size > changedFieldsKept) changedBy.delete(oldest(changedBy));
}

const leaveOutOvertaken = (workspaceId: string, changes: Changes, place: number): Changes =>
  Object.fromEntries(
    Object.entries(changes).filter(([field]) => (changedBy.get(nameOf(workspaceId, field)) ?? 0) < place),
  );

const nameOf = (workspaceId: string, what: string): string => `${workspaceId} ${what}`;

const oldest = <Key>(map: Map<Key, unknown>): Key => map.keys().next().value as Key;
