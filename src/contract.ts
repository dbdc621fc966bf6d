import { z } from 'zod';

/** Every code that a client can meet, and the HTTP status it travels under. */
export const errorCodes = {
  INVALID_INPUT: 400,
  INVALID_JSON: 400,
  UNKNOWN_MESSAGE: 400,
  ORIGIN_NOT_ALLOWED: 403,
  HOST_NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  WORKSPACE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  VIDEO_IN_PROGRESS: 409,
  NOT_GENERATING: 409,
  SECOND_CHARGE_POSSIBLE: 409,
  FORM_CHANGED: 409,
  IMAGE_MISSING: 409,
  FILE_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_FILE: 415,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IMAGE_UNREADABLE: 422,
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
  // Only met in `video.error`, after the click was answered.
  TIMEOUT: 504,
  CANCELLED: 409,
  DOWNLOAD_FAILED: 502,
  TASK_FAILED: 502,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export const takesKept = 20;
export const aiEntriesKept = 50;
export const requestIdsKept = 64;

export const aspectRatios = ['16:9', '9:16', '1:1', '4:3', '3:4', '21:9'] as const;
export type AspectRatio = (typeof aspectRatios)[number];

// MongoDB stores UTF-8: a lone surrogate would come back as another text than the one that was acknowledged.
/** The longest prompt that the form takes, in code points, which zod and JSON Schema count. */
export const promptMaxCharacters = 2000;

const text = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'is not well-formed Unicode text');

export const objectIdPattern = /^[0-9a-f]{24}$/;
export const objectId = z.string().regex(objectIdPattern, 'is not an id of 24 hex digits');
export const requestId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
export const userMessage = text(2000).min(1);

const imageName = '[A-Za-z0-9_-]{1,128}\\.(png|jpg|jpeg|webp)$';
export const imagePath = z
  .string()
  .regex(new RegExp(`^uploads/images/${imageName}`), 'is not an image_path of an upload');
export const imageUrl = z
  .string()
  .regex(new RegExp(`^/uploads/images/${imageName}`), 'is not an image_url of an upload');

const time = z.iso.datetime();

/** The form of one shot. Carries no defaults, since it also checks updates; the defaults are `emptyForm`. */
export const formData = z.strictObject({
  camera_movement: text(100),
  shot_size: text(100),
  lighting: text(100),
  prompt: text(promptMaxCharacters),
  negative_prompt: text(1000),
  duration_s: z.int().min(2).max(15),
  aspect_ratio: z.enum(aspectRatios),
  seed: z.int().min(0).max(4294967295).nullable(),
});
export type FormData = z.infer<typeof formData>;

export const emptyForm: FormData = {
  camera_movement: '',
  shot_size: '',
  lighting: '',
  prompt: '',
  negative_prompt: '',
  duration_s: 5,
  aspect_ratio: '16:9',
  seed: null,
};

export const videoError = z.strictObject({
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

export const suggestion = z.strictObject({ message: z.string(), form_data: formData.partial() });
export type Suggestion = z.infer<typeof suggestion>;

export const aiEntry = z.strictObject({
  _id: objectId,
  message: z.string(),
  suggestion,
  provider: z.string(),
  model: z.string(),
  created_at: time,
});
export type AiEntry = z.infer<typeof aiEntry>;

export const workspace = z.strictObject({
  _id: objectId,
  order_index: z.int().min(0),
  image_path: z.string().nullable(),
  image_url: z.string().nullable(),
  form_data: formData,
  video,
  takes: z.array(video).max(takesKept),
  ai_collaboration: z.array(aiEntry).max(aiEntriesKept),
  version: z.int(),
  created_at: time,
  updated_at: time,
});
export type Workspace = z.infer<typeof workspace>;

type FormKey = keyof FormData;
export const formKeys = Object.keys(formData.shape) as FormKey[];

type DottedForm = { [Key in FormKey as `form_data.${Key}`]: z.ZodOptional<(typeof formData.shape)[Key]> };
const dottedForm = Object.fromEntries(
  formKeys.map((key) => [`form_data.${key}`, formData.shape[key].optional()]),
) as unknown as DottedForm;

/** What a client may change: the image, and the form as an object, as dotted keys, or both. */
export const updates = z.strictObject({
  image_path: imagePath.nullable().optional(),
  image_url: imageUrl.nullable().optional(),
  form_data: formData.partial().optional(),
  ...dottedForm,
});
export type Updates = z.infer<typeof updates>;

/** A stored change as it is told to the other tabs: dotted keys with their new values. */
export const changes = z.strictObject({
  image_path: z.string().nullable().optional(),
  image_url: z.string().nullable().optional(),
  ...dottedForm,
});
export type Changes = z.infer<typeof changes>;

const vocabularyWord = z.strictObject({ id: z.string(), en: z.string(), zh: z.string() });

/** What the form can offer: the words of section 7 and the providers with their limits. */
export const options = z.strictObject({
  camera_movements: z.array(vocabularyWord),
  shot_sizes: z.array(vocabularyWord),
  lightings: z.array(vocabularyWord),
  video_providers: z.array(
    z.strictObject({
      name: z.string(),
      ready: z.boolean(),
      reason: z.string().optional(),
      default: z.boolean(),
      model: z.string(),
      durations_s: z.array(z.int()),
      aspect_ratios: z.array(z.enum(aspectRatios)),
      prompt_max: z.int(),
      prompt_required: z.boolean(),
      negative_prompt: z.boolean(),
      seed: z.boolean(),
      cancel: z.boolean(),
    }),
  ),
  llm_providers: z.array(
    z.strictObject({
      name: z.string(),
      ready: z.boolean(),
      reason: z.string().optional(),
      default: z.boolean(),
      model: z.string(),
    }),
  ),
});
export type Options = z.infer<typeof options>;

/** What a value breaks, for an interface that says it in its own language. */
export const errorRules = [
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
  /** Of `too_long`, `too_short` and `out_of_range`: the longest, shortest, largest or smallest that is taken. */
  limit: z.number().optional(),
});

export const errorBody = z.strictObject({
  code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  details: z.array(errorDetail).optional(),
});
export type ErrorBody = z.infer<typeof errorBody>;
export type ErrorDetail = z.infer<typeof errorDetail>;

/** The version of a workspace that the author of a message saw. */
export const baseVersion = z.int().min(0);

const echo = { request_id: requestId.optional() };

/** The shape of a message from a browser: its type, an optional request_id, and its own fields, nothing else. */
export const clientMessage = <Type extends string, Fields extends z.ZodRawShape>(type: Type, fields: Fields) =>
  z.strictObject({ type: z.literal(type), request_id: requestId.optional(), ...fields });

/** Every message from the server to a browser, by `type`. */
export const serverMessages = {
  'workspace.created': z.strictObject({ type: z.literal('workspace.created'), ...echo, workspace }),
  'workspace.sync_confirm': z.strictObject({
    type: z.literal('workspace.sync_confirm'),
    ...echo,
    workspace_id: objectId,
    version: z.int(),
    updated_at: time,
    replaced: changes.optional(),
    changes: changes.optional(),
    kept: z.array(z.string()).optional(),
  }),
  'workspace.updated': z.strictObject({
    type: z.literal('workspace.updated'),
    workspace_id: objectId,
    version: z.int(),
    changes,
  }),
  'workspace.deleted': z.strictObject({ type: z.literal('workspace.deleted'), ...echo, workspace_id: objectId }),
  'workspace.reorder_confirm': z.strictObject({
    type: z.literal('workspace.reorder_confirm'),
    ...echo,
    workspace_ids: z.array(objectId),
  }),
  'workspace.reordered': z.strictObject({ type: z.literal('workspace.reordered'), workspace_ids: z.array(objectId) }),
  'video.status_update': z.strictObject({
    type: z.literal('video.status_update'),
    workspace_id: objectId,
    video,
    version: z.int(),
    takes: z.array(video).optional(),
    /** The form of a chosen take, where it became that of the workspace. */
    changes: changes.optional(),
  }),
  'ai.suggestion': z.strictObject({
    type: z.literal('ai.suggestion'),
    workspace_id: objectId,
    entry: aiEntry,
    version: z.int(),
  }),
  error: z.strictObject({
    type: z.literal('error'),
    ...echo,
    workspace_id: objectId.optional(),
    ...errorBody.shape,
  }),
} as const;

export type ServerMessages = { [Type in keyof typeof serverMessages]: z.infer<(typeof serverMessages)[Type]> };
export type ServerMessage = ServerMessages[keyof ServerMessages];
