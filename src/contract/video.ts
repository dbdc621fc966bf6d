import { z } from 'zod';
import { type ErrorCode, errorCodes } from './errors';
import { formData } from './form';
import { time } from './ids';
import { cost } from './money';

const videoError = z.strictObject({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  charged: z.enum(['no', 'yes', 'maybe']),
});
export type VideoError = z.infer<typeof videoError>;

/** Facts of the clip's file; null until they have been read. */
const fileFacts = {
  width: z.int().nullable(),
  height: z.int().nullable(),
  /** The length of the picture. */
  file_duration_s: z.number().nullable(),
  fps: z.number().nullable(),
  has_audio: z.boolean().nullable(),
  /** In bytes. */
  size: z.int().nullable(),
};

/** What a video was made from besides its form, and what it costs. */
const origin = {
  /** The picture that was sent; null when it is not known. */
  image_url: z.string().nullable(),
  end_image_url: z.string().nullable(),
  /** The take whose frame was sent. */
  from_attempt_id: z.string().nullable(),
  /** Where in that take; null: its end. */
  from_s: z.number().nullable(),
  style: z.string(),
  negative_style: z.string(),
  cost: cost.nullable(),
};

export const video = z.strictObject({
  status: z.enum(['idle', 'generating', 'completed', 'failed']),
  task_id: z.string().nullable(),
  url: z.string().nullable(),
  error: videoError.nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  phase: z.enum(['submitting', 'queued', 'running', 'downloading']).nullable(),
  progress: z.number().min(0).max(1).nullable(),
  poster_url: z.string().nullable(),
  attempt_id: z.string().nullable(),
  form_data: formData.nullable(),
  started_at: time.nullable(),
  completed_at: time.nullable(),
  ...fileFacts,
  ...origin,
});
export type Video = z.infer<typeof video>;

export type Origin = Pick<Video, keyof typeof origin>;

export type FileFacts = Pick<Video, keyof typeof fileFacts>;
