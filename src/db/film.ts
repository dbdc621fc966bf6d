import { model, Schema, type Types } from 'mongoose';
import { aspectRatios } from '../contract/limits';
import { fits, frameRates, resolutions, transitions, type Film as WireFilm, type FilmSettings } from '../contract/film';
import { newFilmSettings } from '../contract/defaults';
import { currencies } from '../contract/money';
import { AppError } from '../utils/errors';
import { refusalSchema, type StoredRefusal } from './refusal';
import { schemaOptions } from './schema-options';

/** A film as stored: the public fields that are not computed from its shots, and those of the server only. */
export type StoredFilm = Pick<WireFilm, 'title' | 'settings' | 'version'> & {
  _id: Types.ObjectId;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
  /** The id of the last write, by which each server tells its own writes from those of others. */
  stored_by?: string;
  /** The idempotency key of the message that created it, unless the client has chosen the id. */
  created_by?: string;
  /** The idempotency keys of the last applied messages about the film or its order. */
  applied: string[];
  /** The version and the message that changed each field last; see `repetitions.ts`. */
  changed?: Record<string, { version: number; by?: string }>;
  /** The last order_index given to a new workspace while several servers run. */
  last_order_index?: number;
  /** The presses of a batch that were refused, so that repeating one starts nothing. */
  batch_refusals?: StoredRefusal[];
};

const nested = { _id: false, strict: 'throw', minimize: false } as const;

const settingsFields = {
  aspect_ratio: { type: String, enum: aspectRatios, default: newFilmSettings.aspect_ratio },
  resolution: { type: String, enum: resolutions, default: newFilmSettings.resolution },
  fps: { type: Number, enum: frameRates, default: newFilmSettings.fps },
  fit: { type: String, enum: fits, default: newFilmSettings.fit },
  transition: { type: String, enum: transitions, default: newFilmSettings.transition },
  transition_ms: { type: Number, default: newFilmSettings.transition_ms },
  style: { type: String, default: '' },
  negative_style: { type: String, default: '' },
  music_path: { type: String, default: null },
  music_url: { type: String, default: null },
  music_volume: { type: Number, default: newFilmSettings.music_volume },
  music_fade_out_s: { type: Number, default: newFilmSettings.music_fade_out_s },
  music_ducking: { type: Boolean, default: newFilmSettings.music_ducking },
  spend_limit: {
    type: new Schema({ currency: { type: String, enum: currencies }, micros: Number }, nested),
    default: null,
  },
} satisfies Record<keyof FilmSettings, unknown>;

const filmSchema = new Schema(
  {
    title: { type: String, default: '' },
    settings: { type: new Schema(settingsFields, nested), default: () => ({}) },
    version: { type: Number, default: 1 },
    created_at: { type: Date, default: () => new Date() },
    updated_at: { type: Date, default: () => new Date() },
    deleted_at: { type: Date, default: null },
    stored_by: String,
    created_by: String,
    applied: { type: [String], default: [] },
    changed: { type: Schema.Types.Mixed, default: undefined },
    last_order_index: Number,
    batch_refusals: { type: [refusalSchema], default: [] },
  } satisfies Record<Exclude<keyof StoredFilm, '_id'>, unknown>,
  schemaOptions,
);

filmSchema.index({ deleted_at: 1, created_at: 1, _id: 1 });
filmSchema.index({ created_by: 1 }, { unique: true, sparse: true });

/** The film model, with the field names of the wire. */
export const Film = model<StoredFilm>('Film', filmSchema as unknown as Schema<StoredFilm>);

/** The error for a film that is unknown or in the trash. */
export const filmNotFound = (filmId: string): AppError =>
  new AppError(
    'FILM_NOT_FOUND',
    'There is no film with this id; it may have been deleted. Load the list of films again.',
    { filmId },
  );
