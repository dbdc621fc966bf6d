import { model, Schema } from 'mongoose';
import { schemaOptions } from './schema-options';

/** A clip that the user has dropped; only such a clip may be removed, since clips are paid. */
export const DroppedClip = model<{ _id: string; dropped_at: Date }>(
  'DroppedClip',
  new Schema({ _id: String, dropped_at: Date }, schemaOptions),
);

/**
 * Records that the clips of these attempts may be removed once no workspace refers to them; may be called again. Call it
 * before the write that drops them: a clip that was dropped without a record is never removed.
 */
export async function recordDropped(attemptIds: string[]): Promise<void> {
  if (attemptIds.length === 0) return;
  const dropped_at = new Date();
  await DroppedClip.bulkWrite(
    attemptIds.map((_id) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: { dropped_at } }, upsert: true },
    })),
    { ordered: false },
  );
}
