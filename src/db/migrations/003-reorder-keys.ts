import { Installation } from '../installation';

const prefix = 'workspace.reorder ';

/** Adds the type to the keys of reorders, which 1.0.0 remembered by their request_id alone. */
export async function moveReorderKeys(): Promise<void> {
  const isKey = { $eq: [{ $indexOfBytes: ['$$this', prefix] }, 0] };
  const key = { $cond: [isKey, '$$this', { $concat: [prefix, '$$this'] }] };
  await Installation.collection.updateMany({ applied: { $elemMatch: { $not: new RegExp(`^${prefix}`) } } }, [
    { $set: { applied: { $map: { input: '$applied', in: key } } } },
  ]);
}
