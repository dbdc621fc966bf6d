import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { mongo } from 'mongoose';

/** Every file under the uploads of a server, relative and sorted. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(folder, 'uploads'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/**
 * Changes a stored workspace behind the server's back: sets fields, or runs a list of stages; ids and dates are written as
 * `$oid` and `$date`.
 */
export async function changeStored(uri: string, workspaceId: string, change: object | object[]): Promise<void> {
  const update = mongo.BSON.EJSON.deserialize(Array.isArray(change) ? change : { $set: change });
  const client = await mongo.MongoClient.connect(uri);
  try {
    const workspaces = client.db().collection('workspaces');
    const { matchedCount } = await workspaces.updateOne({ _id: new mongo.ObjectId(workspaceId) }, update);
    if (matchedCount !== 1) throw new Error(`there is no stored workspace ${workspaceId}`);
  } finally {
    await client.close();
  }
}
