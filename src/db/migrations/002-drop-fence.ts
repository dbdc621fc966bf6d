import { Workspace } from '../workspace';

/** Removes the `fence` of 1.0.0, since edits are now checked against the version. */
export async function dropFence(): Promise<void> {
  // Uses the driver, since the old field is not in the schema.
  await Workspace.collection.updateMany({ fence: { $exists: true } }, { $unset: { fence: '' } });
}
