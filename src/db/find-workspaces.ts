import mongoose from 'mongoose';
import { isShareable, throwWhilePreparing } from './mongodb';
import { publicFields, Workspace, workspaceNotFound, type StoredWorkspace } from './workspace';

/** The error code of a snapshot read right after a collection or an index was created. */
const snapshotUnavailable = 246;

/** The stored workspace with that id; throws WORKSPACE_NOT_FOUND when there is none or it is in the trash. */
export async function findWorkspace(workspaceId: string): Promise<StoredWorkspace> {
  throwWhilePreparing();
  const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
  if (!found) throw workspaceNotFound();
  return found;
}

/**
 * The public part of every workspace that is not in the trash, in order, as BSON, so that a caller decodes only what it has
 * not seen; with the time of the snapshot, or null when the database has no snapshots.
 */
export async function storedTimeline(): Promise<{ documents: Buffer[]; at: string | null }> {
  if (!isShareable()) return { documents: await findTimeline(), at: null };
  // Without a snapshot, an earlier write could become visible after the read and would be missed until the next write.
  const session = mongoose.connection.getClient().startSession({ snapshot: true });
  try {
    const documents = await findTimeline(session);
    const { snapshotTime } = session as { snapshotTime?: { toString: () => string } };
    return { documents, at: snapshotTime?.toString() ?? null };
  } catch (error) {
    if ((error as { code?: unknown }).code !== snapshotUnavailable) throw error;
    return { documents: await findTimeline(), at: null };
  } finally {
    await session.endSession();
  }
}

async function findTimeline(session?: mongoose.ClientSession): Promise<Buffer[]> {
  const options = { projection: publicFields, sort: { order_index: 1, _id: 1 }, raw: true, session } as const;
  return (await Workspace.collection.find({ deleted_at: null }, options).toArray()) as unknown as Buffer[];
}

/** The ids of every workspace that is not in the trash, in order. */
export async function readOrder(): Promise<string[]> {
  const sort = { order_index: 1, _id: 1 } as const;
  const rows = await Workspace.find({ deleted_at: null }, { _id: 1 }).sort(sort).lean();
  return rows.map(({ _id }) => String(_id));
}
