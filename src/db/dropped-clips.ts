import { model, Schema } from 'mongoose';

/** A clip that the user has dropped; only such a clip may be removed, since clips are paid. */
export const DroppedClip = model<{ _id: string; dropped_at: Date }>(
  'DroppedClip',
  new Schema(
    { _id: String, dropped_at: Date },
    { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, bufferCommands: false },
  ),
);

/**
 * Records that the clips of these attempts may be removed once no workspace refers to them; may be called again. Call it
 * before the write that drops them, since a clip dropped without a record stays for ever.
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
