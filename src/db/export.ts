import { model, Schema, type Types } from 'mongoose';
import { captionModes, exportStatuses, type ExportOptions, type FilmExport as WireExport } from '../contract/export';
import { frameRates, resolutions, type FilmSettings } from '../contract/film';
import { schemaOptions } from './schema-options';

/** A shot as it goes into the file. */
export type RecipeShot = {
  workspace_id: string;
  kind: 'clip' | 'picture';
  /** The URL path of its clip or picture. */
  url: string;
  frames: number;
  /** Where in its clip it begins. */
  from_s: number;
  /** How many of its first frames overlap with the shot before. */
  overlap: number;
  volume: number;
  /** Empty unless the file has captions. */
  caption: string;
};

/** Everything that decides how a finished film looks and sounds, frozen when it is requested. */
export type Recipe = {
  width: number;
  height: number;
  fps: number;
  fit: FilmSettings['fit'];
  captions: ExportOptions['captions'];
  /** How many frames at each side of a cut fade to or from black. */
  fade_frames: number;
  shots: RecipeShot[];
  /** The length of the film. */
  frames: number;
  music: { url: string; volume: number; fade_out_s: number; ducking: boolean } | null;
};

/** An export as stored: the public fields that are not computed, and those of the server only. */
export type StoredExport = Omit<WireExport, '_id' | 'film_id' | 'url' | 'is_stale' | 'created_at' | 'completed_at'> & {
  _id: Types.ObjectId;
  film_id: Types.ObjectId;
  /** The options of the request; the others follow the film. */
  given: Partial<ExportOptions>;
  recipe: Recipe;
  /** Identifies film and recipe; only one export that waits, runs or is completed has it. */
  key?: string;
  request_ids: string[];
  /** The name of its file, once completed. */
  file: string | null;
  /** The right to render, which one export has at a time. */
  slot?: 'render';
  /** The process that renders it; `run` counts the runs. */
  lease?: { owner: string; until: Date };
  run: number;
  created_at: Date;
  completed_at: Date | null;
  /** The id of the last write, by which each server tells its own writes from those of others. */
  stored_by?: string;
};

const nested = { _id: false, strict: 'throw', minimize: false } as const;
const number = { type: Number, default: null };

const optionFields = {
  captions: { type: String, enum: captionModes },
  resolution: { type: String, enum: resolutions },
  fps: { type: Number, enum: frameRates },
} satisfies Record<keyof ExportOptions, unknown>;

const exportSchema = new Schema(
  {
    film_id: { type: Schema.Types.ObjectId, required: true },
    options: { type: new Schema(optionFields, nested), required: true },
    given: { type: new Schema(optionFields, nested), default: () => ({}) },
    recipe: { type: Schema.Types.Mixed, required: true },
    key: String,
    request_ids: { type: [String], default: [] },
    status: { type: String, enum: exportStatuses, default: 'queued' },
    progress: number,
    file: { type: String, default: null },
    file_name: { type: String, required: true },
    size: number,
    duration_s: Number,
    width: Number,
    height: Number,
    fps: Number,
    has_audio: Boolean,
    left_out: { type: [String], default: [] },
    error: { type: new Schema({ code: String, message: String }, nested), default: null },
    slot: String,
    lease: { type: new Schema({ owner: String, until: Date }, nested), default: undefined },
    run: { type: Number, default: 0 },
    created_at: { type: Date, default: () => new Date() },
    completed_at: { type: Date, default: null },
    stored_by: String,
  } satisfies Record<Exclude<keyof StoredExport, '_id'>, unknown>,
  schemaOptions,
);

exportSchema.index({ film_id: 1, created_at: -1 });
exportSchema.index({ key: 1 }, { unique: true, sparse: true });
exportSchema.index({ slot: 1 }, { unique: true, sparse: true });

/** The model of exports, with the field names of the wire. */
export const Export = model<StoredExport>('Export', exportSchema as unknown as Schema<StoredExport>);
