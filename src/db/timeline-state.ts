import { model, Schema } from 'mongoose';

/** The one document about the whole timeline: the keys of its last reorders, and the id of the UPLOAD_DIR that it owns. */
export const TimelineState = model<{
  _id: string;
  applied: string[];
  uploads_id?: string;
  sweeps?: number;
  /** The last place that one of several servers gave to a new workspace. */
  last_place?: number;
}>(
  'TimelineState',
  new Schema(
    { _id: String, applied: [String], uploads_id: String, sweeps: Number, last_place: Number },
    { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, bufferCommands: false },
  ),
  'timelines',
);
