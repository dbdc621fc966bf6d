import { trusted } from 'mongoose';
import { requestIdsKept } from '../contract';
import { ownStamp } from '../utils/process-id';
import { Workspace } from './workspace';

/** The update that stores new values, counts the version by as many steps as are told, and remembers the requests. */
export function toSet(set: object, applied?: string | string[], steps = 1) {
  return {
    $set: { ...set, updated_at: new Date(), stored_by: ownStamp(steps) },
    $inc: { version: steps },
    ...remember(applied),
  };
}

/** The update that remembers the requests and changes nothing else. */
export const remember = (applied: string | string[] = []) => {
  const names = [applied].flat();
  return names.length > 0 ? { $push: { applied: { $each: names, $slice: -requestIdsKept } } } : {};
};

/** Remembers a message that had nothing to change, so that the same one again does not undo what was done since. */
export async function rememberUnchanged(workspaceId: string, applied: string | undefined): Promise<void> {
  if (applied) await Workspace.updateOne({ _id: workspaceId, ...notApplied(applied) }, remember(applied));
}

/** Matches unless a message with this type and request_id, or one of them, was applied before. */
export const notApplied = (applied: string | string[] = []) => {
  const names = [applied].flat();
  return names.length > 0 ? { applied: trusted({ $nin: names }) } : {};
};
