import { trusted } from 'mongoose';
import { ownStamp } from '../utils/process-id';
import { Workspace } from './workspace';

/** So many messages a workspace is remembered: those of one tab, while another one cannot reach its server for a minute. */
export const keysKept = 256;

/** The update that stores new values, counts the version by as many steps as are told, and remembers the requests. */
export function toSet(set: object, keys?: string | string[], steps = 1) {
  return {
    $set: { ...set, updated_at: new Date(), stored_by: ownStamp(steps) },
    $inc: { version: steps },
    ...remember(keys),
  };
}

/** The update that remembers the requests and changes nothing else. */
export const remember = (keys: string | string[] = []) => {
  const names = [keys].flat();
  return names.length > 0 ? { $push: { applied: { $each: names, $slice: -keysKept } } } : {};
};

/** Remembers a message that had nothing to change, so that the same one again does not undo what was done since. */
export async function rememberUnchanged(workspaceId: string, key: string | undefined): Promise<void> {
  if (key) await Workspace.updateOne({ _id: workspaceId, ...notApplied(key) }, remember(key));
}

/** Matches unless a message with this type and request_id, or one of them, was applied before. */
export const notApplied = (keys: string | string[] = []) => {
  const names = [keys].flat();
  return names.length > 0 ? { applied: trusted({ $nin: names }) } : {};
};
