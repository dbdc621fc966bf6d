import { model, Schema } from 'mongoose';

/** The single document about the whole timeline: the keys of its last reorders, and the id of its UPLOAD_DIR. */
export const TimelineState = model<{
  _id: string;
  applied: string[];
  uploads_id?: string;
  sweeps?: number;
  /** The last place given to a new workspace while several servers run. */
  last_place?: number;
}>(
  'TimelineState',
  new Schema(
    { _id: String, applied: [String], uploads_id: String, sweeps: Number, last_place: Number },
    { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, bufferCommands: false },
  ),
  'timelines',
);
