import { model, Schema } from 'mongoose';
import { schemaOptions } from './schema-options';

/** The single document about the whole installation: the id of its UPLOAD_DIR, and how often that was swept. */
export const Installation = model<{ _id: string; uploads_id?: string; sweeps?: number }>(
  'Installation',
  new Schema({ _id: String, uploads_id: String, sweeps: Number }, schemaOptions),
  'timelines',
);
