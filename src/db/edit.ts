import type { Changes } from '../contract';
import { AppError } from '../utils/errors';
import { notApplied, toSet, Workspace, workspaceNotFound, type StoredWorkspace } from './mongodb';

/**
 * The number that an edit of a workspace must meet in the document. This process takes a new one before its first edit of
 * the workspace and after every edit whose fate is open, so that a write still on its way to a frozen database
 * can no longer land on top of an edit that was acknowledged after it.
 */
const fences = new Map<string, number>();

/** Edits that were answered DATABASE_UNAVAILABLE, and the fields that acknowledged edits have taken over since. */
const openEdits = new Map<string, Map<string, Set<string>>>();

const openEditsKept = 64;
const workspacesKept = 10_000;
const maxFenceRaces = 5;

export type Edit = { workspaceId: string; changes: Changes; applied: string | undefined };
export type EditResult = Pick<StoredWorkspace, 'version' | 'updated_at'> & {
  /** What the others must be told; null when they were told before. */
  told: Changes | null;
};

/** Stores the changes of one message, once for each request_id; throws WORKSPACE_NOT_FOUND for an unknown or deleted workspace. */
export async function applyEdit({ workspaceId, changes, applied }: Edit): Promise<EditResult> {
  const overtaken = applied ? openEdits.get(workspaceId)?.get(applied) : undefined;
  const wanted = overtaken ? leaveOut(changes, overtaken) : changes;

  for (let race = 0; race < maxFenceRaces; race++) {
    const fence = fences.get(workspaceId) ?? (await takeFence(workspaceId));
    const filter = { _id: workspaceId, deleted_at: null, fence, ...notApplied(applied) };
    const stored = await Workspace.findOneAndUpdate(filter, toSet(wanted, applied), {
      returnDocument: 'after',
      projection: { version: 1, updated_at: 1 },
    }).lean<StoredWorkspace>();
    if (stored) {
      settleEdit(workspaceId, applied, wanted);
      return { version: stored.version, updated_at: stored.updated_at, told: wanted };
    }

    const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
    if (!found) throw workspaceNotFound();
    if (applied && found.applied.includes(applied)) {
      // Stored by the first sending, whose answer was lost: then the others have not been told either.
      settleEdit(workspaceId, applied, {});
      return { version: found.version, updated_at: found.updated_at, told: overtaken ? wanted : null };
    }
    fences.delete(workspaceId);
  }
  throw new AppError(
    'BUSY',
    'Another server is editing this workspace at the same time; nothing was stored, try again.',
  );
}

/** Remembers that nobody knows whether this edit was stored; the same request_id again settles it. */
export function leaveEditOpen(workspaceId: string, applied: string): void {
  fences.delete(workspaceId);
  const open = openEdits.get(workspaceId) ?? new Map<string, Set<string>>();
  if (!open.has(applied)) open.set(applied, new Set());
  if (open.size > openEditsKept) open.delete(oldest(open));
  openEdits.set(workspaceId, open);
  if (openEdits.size > workspacesKept) openEdits.delete(oldest(openEdits));
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

function settleEdit(workspaceId: string, applied: string | undefined, changes: Changes): void {
  const open = openEdits.get(workspaceId);
  if (!open) return;
  if (applied) open.delete(applied);
  for (const overtaken of open.values()) Object.keys(changes).forEach((key) => overtaken.add(key));
  if (open.size === 0) openEdits.delete(workspaceId);
}

const leaveOut = (changes: Changes, keys: Set<string>): Changes =>
  Object.fromEntries(Object.entries(changes).filter(([key]) => !keys.has(key)));

const oldest = <Key>(map: Map<Key, unknown>): Key => map.keys().next().value as Key;
