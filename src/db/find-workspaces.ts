import type mongoose from 'mongoose';
import { mongo, trusted, Types } from 'mongoose';
import type { Workspace as WireWorkspace } from '../contract/workspace';
import { readSnapshot, throwWhilePreparing } from './mongodb';
import { publicFields, toWire, Workspace, workspaceNotFound, type StoredWorkspace } from './workspace';

/** The stored workspace with that id; throws WORKSPACE_NOT_FOUND when there is none or it is in the trash. */
export async function findWorkspace(workspaceId: string): Promise<StoredWorkspace> {
  throwWhilePreparing();
  const found = await Workspace.findOne({ _id: workspaceId, deleted_at: null }).lean<StoredWorkspace>();
  if (!found) throw workspaceNotFound();
  return found;
}

/**
 * The public part of every workspace of a film that is not in the trash, in order, as BSON, so that a caller decodes only what
 * it has not seen; with the time of the snapshot, or null when the database has no snapshots.
 */
export async function storedTimeline(filmId: string): Promise<{ documents: Buffer[]; at: string | null }> {
  const { result, at } = await readSnapshot((session) => findTimeline(filmId, session));
  return { documents: result, at };
}

async function findTimeline(filmId: string, session?: mongoose.ClientSession): Promise<Buffer[]> {
  const filter = { film_id: new Types.ObjectId(filmId), deleted_at: null };
  const options = { projection: publicFields, sort: { order_index: 1, _id: 1 }, raw: true, session } as const;
  return (await Workspace.collection.find(filter, options).toArray()) as unknown as Buffer[];
}

/** The workspaces of a film that are not in the trash, in order, as they go over the wire. */
export async function findShots(filmId: string): Promise<WireWorkspace[]> {
  const documents = await findTimeline(filmId);
  return documents.map((document) => toWire(mongo.BSON.deserialize(document) as StoredWorkspace));
}

/** Without what the plan of a batch never reads. */
export const withoutTalk = { ai_collaboration: 0, applied: 0, changed: 0, refusals: 0 } as const;

/** The stored workspaces of a film that are not in the trash, in order, with these fields. */
export const findStoredShots = (filmId: string, fields: Record<string, 0 | 1>): Promise<StoredWorkspace[]> =>
  Workspace.find({ film_id: filmId, deleted_at: null }, fields)
    .sort({ order_index: 1, _id: 1 })
    .lean<StoredWorkspace[]>()
    .exec();

const besides = { image_path: 1, image_url: 1, end_image_url: 1, form_data: 1, cut: 1, video: 1, takes: 1 } as const;
export type Neighbour = Pick<StoredWorkspace, '_id' | keyof typeof besides>;

/** The workspaces before and after one in the order of its film, without those in the trash; null at its ends. */
export async function findNeighbours({
  _id,
  film_id,
  order_index: place,
}: Pick<StoredWorkspace, '_id' | 'film_id' | 'order_index'>) {
  const beside = (side: '$lt' | '$gt', sort: 1 | -1) =>
    Workspace.findOne(
      {
        film_id,
        deleted_at: null,
        $or: [{ order_index: trusted({ [side]: place }) }, { order_index: place, _id: trusted({ [side]: _id }) }],
      } as object,
      besides,
    )
      .sort({ order_index: sort, _id: sort })
      .lean<Neighbour>();
  const [previous, next] = await Promise.all([beside('$lt', -1), beside('$gt', 1)]);
  return { previous, next };
}

/** The ids of the workspaces of a film that are not in the trash, in order. */
export async function readOrder(filmId: string): Promise<string[]> {
  const sort = { order_index: 1, _id: 1 } as const;
  const rows = await Workspace.find({ film_id: filmId, deleted_at: null }, { _id: 1 }).sort(sort).lean();
  return rows.map(({ _id }) => String(_id));
}
