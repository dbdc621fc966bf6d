import { TimelineState } from '../timeline-state';

const prefix = 'workspace.reorder ';

/** Reorders were remembered by their request_id alone, where all messages are by type and request_id since. */
export async function keysOfReorders(): Promise<void> {
  const isKey = { $eq: [{ $indexOfBytes: ['$$this', prefix] }, 0] };
  const key = { $cond: [isKey, '$$this', { $concat: [prefix, '$$this'] }] };
  await TimelineState.collection.updateMany({ applied: { $elemMatch: { $not: new RegExp(`^${prefix}`) } } }, [
    { $set: { applied: { $map: { input: '$applied', in: key } } } },
  ]);
}
