import { Workspace } from '../workspace';

/** Edits of 1.0.0 met a number of their own, where they meet the version since. */
export async function noFence(): Promise<void> {
  // By the driver: the old field is not in the schema.
  await Workspace.collection.updateMany({ fence: { $exists: true } }, { $unset: { fence: '' } });
}
