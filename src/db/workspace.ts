import mongoose, { model, Schema, type Types } from 'mongoose';
import type { AiEntry } from '../contract/conversation';
import { emptyForm, formKeys, idleVideo, wholeClip } from '../contract/defaults';
import type { FormData } from '../contract/form';
import { aspectRatios } from '../contract/limits';
import { currencies, type Cost } from '../contract/money';
import type { Video } from '../contract/video';
import type { Cut, Workspace as WireWorkspace } from '../contract/workspace';
import { AppError } from '../utils/errors';
import type { Job } from './job';
import { refusalSchema, type StoredRefusal } from './refusal';
import { schemaOptions } from './schema-options';

/** A workspace as stored: the public fields, and those of the server only. */
export type StoredWorkspace = Omit<WireWorkspace, '_id' | 'film_id' | 'ai_collaboration'> & {
  _id: Types.ObjectId;
  film_id: Types.ObjectId;
  ai_collaboration: (Omit<AiEntry, '_id'> & { _id: Types.ObjectId; request_id?: string })[];
  deleted_at: Date | null;
  /** Whether it went to the trash with its film, and comes back with it. */
  deleted_with_film?: boolean;
  /** The id of the last write, by which each server tells its own writes from those of others. */
  stored_by?: string;
  /** The request_id that created it; missing if the client chose the id. */
  created_by?: string;
  /** The idempotency keys of the last applied messages: `<type> <request_id>`. */
  applied: string[];
  /** The version and the message that last changed each field; see `repetitions.ts`. */
  changed?: Record<string, { version: number; by?: string }>;
  job: Job | null;
  /** Attempts replaced by a newer click, whose late result becomes a take. */
  superseded: Job[];
  clicks: StoredClick[];
  /** Separate from the clicks, so that no refusal pushes out a paid click. */
  refusals?: StoredRefusal[];
};

/** A click and its attempt; `outcome` is the last state of its video, once that is no longer kept as the video or a take. */
type StoredClick = { request_id: string; attempt_id: string; outcome?: Video | null };

const nested = { _id: false, strict: 'throw' } as const;
const word = { type: String, default: '' };

const formFields = {
  camera_movement: word,
  shot_size: word,
  lighting: word,
  prompt: word,
  negative_prompt: word,
  duration_s: { type: Number, default: emptyForm.duration_s },
  aspect_ratio: { type: String, enum: aspectRatios, default: emptyForm.aspect_ratio },
  seed: { type: Number, default: null },
  provider: word,
  model: word,
  resolution: word,
  audio: { type: Boolean, default: emptyForm.audio },
  start: { type: String, default: emptyForm.start },
  end: { type: String, default: emptyForm.end },
} satisfies Record<keyof FormData, unknown>;

const formSchema = new Schema(formFields, nested);

// A suggestion names only the fields to change, so there are no defaults.
const suggestedFormSchema = new Schema(
  Object.fromEntries(formKeys.map((key) => [key, { ...formFields[key], default: undefined }])),
  nested,
);

const text = { type: String, default: null };
const date = { type: Date, default: null };
const number = { type: Number, default: null };

const cutFields = {
  caption: word,
  in_s: { type: Number, default: wholeClip.in_s },
  out_s: number,
  volume: { type: Number, default: wholeClip.volume },
} satisfies Record<keyof Cut, unknown>;

/** What an attempt costs, as workspaces and charges store it. */
export const costSchema = new Schema(
  { currency: { type: String, enum: currencies }, micros: Number, basis: String, priced_on: text } satisfies Record<
    keyof Cost,
    unknown
  >,
  nested,
);

const videoSchema = new Schema(
  {
    status: { type: String, enum: ['idle', 'generating', 'completed', 'failed'], default: idleVideo.status },
    task_id: text,
    url: text,
    error: { type: new Schema({ code: String, message: String, charged: String }, nested), default: null },
    provider: text,
    model: text,
    phase: text,
    progress: { type: Number, default: null },
    poster_url: text,
    attempt_id: text,
    form_data: { type: formSchema, default: null },
    started_at: date,
    completed_at: date,
    width: number,
    height: number,
    file_duration_s: number,
    fps: number,
    has_audio: { type: Boolean, default: null },
    size: number,
    image_url: text,
    end_image_url: text,
    from_attempt_id: text,
    from_s: number,
    style: word,
    negative_style: word,
    cost: { type: costSchema, default: null },
  } satisfies Record<keyof Video, unknown>,
  nested,
);

const jobSchema = new Schema(
  {
    attempt_id: String,
    provider: String,
    model: String,
    form_data: formSchema,
    resolution: text,
    audio: { type: Boolean, default: false },
    cost: { type: costSchema, default: null },
    image_path: text,
    end_image_path: text,
    from_attempt_id: text,
    from_s: number,
    state: String,
    task_id: text,
    prepared: text,
    submit_attempts: { type: Number, default: 0 },
    intent_at: Date,
    sent_at: date,
    accepted_at: date,
    cancelled_at: date,
    risk_accepted: { type: Boolean, default: false },
    step: String,
    lease: new Schema({ owner: String, until: Date, epoch: Number }, nested),
  } satisfies Record<keyof Job, unknown>,
  nested,
);

const workspaceSchema = new Schema(
  {
    film_id: { type: Schema.Types.ObjectId, required: true },
    order_index: { type: Number, required: true },
    image_path: text,
    image_url: text,
    end_image_path: text,
    end_image_url: text,
    form_data: { type: formSchema, default: () => ({}) },
    cut: { type: new Schema(cutFields, nested), default: () => ({}) },
    video: { type: videoSchema, default: () => ({}) },
    takes: { type: [videoSchema], default: [] },
    ai_collaboration: {
      type: [
        new Schema(
          {
            message: String,
            suggestion: new Schema({ message: String, form_data: suggestedFormSchema }, { ...nested, minimize: false }),
            provider: String,
            model: String,
            created_at: Date,
            request_id: String,
          } satisfies Record<Exclude<keyof StoredWorkspace['ai_collaboration'][number], '_id'>, unknown>,
          { strict: 'throw', minimize: false },
        ),
      ],
      default: [],
    },
    version: { type: Number, default: 1 },
    created_at: { type: Date, default: () => new Date() },
    updated_at: { type: Date, default: () => new Date() },
    deleted_at: date,
    deleted_with_film: Boolean,
    stored_by: String,
    created_by: String,
    applied: { type: [String], default: [] },
    changed: { type: Schema.Types.Mixed, default: undefined },
    job: { type: jobSchema, default: null },
    superseded: { type: [jobSchema], default: [] },
    clicks: {
      type: [
        new Schema(
          {
            request_id: String,
            attempt_id: String,
            outcome: { type: videoSchema, default: null },
          } satisfies Record<keyof StoredClick, unknown>,
          nested,
        ),
      ],
      default: [],
    },
    refusals: { type: [refusalSchema], default: [] },
  } satisfies Record<Exclude<keyof StoredWorkspace, '_id'>, unknown>,
  schemaOptions,
);

workspaceSchema.index({ film_id: 1, deleted_at: 1, order_index: 1 });
workspaceSchema.index({ film_id: 1, order_index: 1 });
workspaceSchema.index({ deleted_at: 1 });
workspaceSchema.index({ 'video.status': 1 });
workspaceSchema.index({ 'job.state': 1, 'job.lease.until': 1 });
workspaceSchema.index({ 'superseded.state': 1 });
workspaceSchema.index({ created_by: 1 }, { unique: true, sparse: true });

mongoose.set('sanitizeFilter', true);
mongoose.set('strictQuery', 'throw');

/** The workspace model, with the field names of the wire. */
export const Workspace = model<StoredWorkspace>('Workspace', workspaceSchema as unknown as Schema<StoredWorkspace>);

/** The projection without the server's own fields, which never go over the wire. */
export const publicFields = {
  deleted_at: 0,
  deleted_with_film: 0,
  stored_by: 0,
  created_by: 0,
  applied: 0,
  changed: 0,
  job: 0,
  superseded: 0,
  clicks: 0,
  refusals: 0,
  'ai_collaboration.request_id': 0,
} as const;

/** The error for an id that is unknown or in the trash. */
export const workspaceNotFound = (): AppError =>
  new AppError(
    'WORKSPACE_NOT_FOUND',
    'There is no workspace with this id; it may have been deleted. Load the list again.',
  );

/** The public part of a stored workspace, as it goes over the wire. */
export function toWire(stored: StoredWorkspace): WireWorkspace {
  const { deleted_at, deleted_with_film, stored_by, created_by, applied, changed, ...shown } = stored;
  const { job, superseded, clicks, refusals, ...rest } = shown;
  return toJson({
    ...rest,
    ai_collaboration: rest.ai_collaboration.map(({ request_id, ...entry }) => entry),
  });
}

/** The value as JSON: dates become ISO strings and ids become hex. */
export const toJson = <Wire>(value: unknown): Wire => JSON.parse(JSON.stringify(value)) as Wire;
