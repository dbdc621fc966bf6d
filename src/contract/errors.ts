import { z } from 'zod';

/** Every error code that a client can receive, with its HTTP status. */
export const errorCodes = {
  INVALID_INPUT: 400,
  INVALID_JSON: 400,
  UNKNOWN_MESSAGE: 400,
  ORIGIN_NOT_ALLOWED: 403,
  HOST_NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  WORKSPACE_NOT_FOUND: 404,
  FILM_NOT_FOUND: 404,
  EXPORT_NOT_FOUND: 404,
  BATCH_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  VIDEO_IN_PROGRESS: 409,
  NOT_GENERATING: 409,
  SECOND_CHARGE_POSSIBLE: 409,
  FORM_CHANGED: 409,
  IMAGE_MISSING: 409,
  PREVIOUS_CLIP_MISSING: 409,
  NEXT_IMAGE_MISSING: 409,
  CLIP_MISSING: 409,
  NOTHING_TO_EXPORT: 409,
  NOT_EXPORTING: 409,
  SPEND_LIMIT_REACHED: 409,
  PRICE_UNKNOWN: 409,
  NOT_UNCLEAR: 409,
  BATCH_BLOCKED: 409,
  NOTHING_TO_GENERATE: 409,
  FILE_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_FILE: 415,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IMAGE_UNREADABLE: 422,
  AUDIO_UNREADABLE: 422,
  IMAGE_TOO_BIG: 422,
  IMAGE_TOO_SMALL: 422,
  CONTENT_REFUSED: 422,
  TOO_MANY: 429,
  PROVIDER_RATE_LIMITED: 429,
  INTERNAL: 500,
  PROVIDER_FAILED: 502,
  PROVIDER_BAD_REPLY: 502,
  SUBMIT_UNKNOWN: 502,
  PROVIDER_NOT_CONFIGURED: 503,
  PROVIDER_AUTH: 503,
  PROVIDER_QUOTA: 503,
  DATABASE_UNAVAILABLE: 503,
  BUSY: 503,
  PROVIDER_TIMEOUT: 504,
  DISK_FULL: 507,
  // Only in `video.error`, after the reply to the click.
  TIMEOUT: 504,
  CANCELLED: 409,
  DOWNLOAD_FAILED: 502,
  TASK_FAILED: 502,
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** The rule that a value breaks, so that a user interface can say it in its own language. */
const errorRules = [
  'required',
  'too_long',
  'too_short',
  'out_of_range',
  'not_offered',
  'wrong_type',
  'unknown_key',
  'wrong_form',
] as const;

const errorDetail = z.strictObject({
  path: z.string(),
  message: z.string(),
  rule: z.enum(errorRules).optional(),
  /** For `too_long`, `too_short` and `out_of_range`: the bound that the value violates. */
  limit: z.number().optional(),
});

export const errorBody = z.strictObject({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  details: z.array(errorDetail).optional(),
});
export type ErrorBody = z.infer<typeof errorBody>;
export type ErrorDetail = z.infer<typeof errorDetail>;
