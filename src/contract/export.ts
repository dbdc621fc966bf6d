import { z } from 'zod';
import { errorBody } from './errors';
import { filmSettings } from './film';
import { objectId, time } from './ids';

export const captionModes = ['none', 'burned', 'track'] as const;

/** What an export may have of its own, without defaults: those not given come from the film, and no captions. */
export const exportOptions = z.strictObject({
  captions: z.enum(captionModes),
  resolution: filmSettings.shape.resolution,
  fps: filmSettings.shape.fps,
});
export type ExportOptions = z.infer<typeof exportOptions>;

export const exportStatuses = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;

/** A finished film, or one that is being made. */
export const filmExport = z.strictObject({
  _id: objectId,
  film_id: objectId,
  options: exportOptions,
  status: z.enum(exportStatuses),
  progress: z.number().min(0).max(1).nullable(),
  url: z.string().nullable(),
  /** The name for a download, from the title of the film. */
  file_name: z.string(),
  /** In bytes; null until it is completed. */
  size: z.int().nullable(),
  duration_s: z.number().min(0),
  width: z.int(),
  height: z.int(),
  fps: z.int(),
  has_audio: z.boolean(),
  /** The shots that have neither a clip nor a picture. */
  left_out: z.array(objectId),
  /** Whether the film has changed since the request. */
  is_stale: z.boolean(),
  error: errorBody.pick({ code: true, message: true }).nullable(),
  created_at: time,
  completed_at: time.nullable(),
});
export type FilmExport = z.infer<typeof filmExport>;
