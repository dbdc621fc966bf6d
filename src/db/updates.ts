import { trusted } from 'mongoose';
import { newWriteId } from '../utils/process-id';
import { Workspace } from './workspace';

/** How many messages a workspace remembers: as many as one tab sends while another is offline for a minute. */
export const keysKept = 256;

/** The update that stores new values, raises the version by `versions`, and remembers the keys. */
export function versionedUpdate(set: object, keys?: string | string[], versions = 1) {
  return {
    $set: { ...set, updated_at: new Date(), stored_by: newWriteId(versions) },
    $inc: { version: versions },
    ...remember(keys),
  };
}

/** The update that remembers the keys and changes nothing else. */
export const remember = (keys: string | string[] = []) => {
  const names = [keys].flat();
  return names.length > 0 ? { $push: { applied: { $each: names, $slice: -keysKept } } } : {};
};

/** Remembers a message that changed nothing, so that repeating it does not undo later changes. */
export async function rememberUnchanged(workspaceId: string, key: string | undefined): Promise<void> {
  if (key) await Workspace.updateOne({ _id: workspaceId, ...notApplied(key) }, remember(key));
}

/** Matches unless a message with one of these keys was applied before. */
export const notApplied = (keys: string | string[] = []) => {
  const names = [keys].flat();
  return names.length > 0 ? { applied: trusted({ $nin: names }) } : {};
};
