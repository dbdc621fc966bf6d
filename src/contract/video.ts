import { z } from 'zod';
import { type ErrorCode, errorCodes } from './errors';
import { formData } from './form';
import { time } from './ids';

export const takesKept = 20;
const videoError = z.strictObject({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  charged: z.enum(['no', 'yes', 'maybe']),
});
export type VideoError = z.infer<typeof videoError>;

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
});
export type Video = z.infer<typeof video>;

export const idleVideo: Video = {
  status: 'idle',
  task_id: null,
  url: null,
  error: null,
  provider: null,
  model: null,
  phase: null,
  progress: null,
  poster_url: null,
  attempt_id: null,
  form_data: null,
  started_at: null,
  completed_at: null,
};
