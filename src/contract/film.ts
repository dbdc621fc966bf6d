import { z } from 'zod';
import { aspectRatios } from './limits';
import { objectId, text, time, uploadShapes } from './ids';
import { money } from './money';

export const { path: audioPath, url: audioUrl } = uploadShapes('audio', 'audio', 'mp3|wav|m4a|aac|ogg|flac');

export const resolutions = ['720p', '1080p', '1440p', '2160p'] as const;
export const frameRates = [24, 25, 30, 50, 60] as const;
export const fits = ['pad', 'crop', 'blur'] as const;
export const transitions = ['cut', 'crossfade', 'fade_black'] as const;

/** What holds for a whole film, without defaults, since it also checks updates; the defaults are in `newFilmSettings` (`defaults.ts`). */
export const filmSettings = z.strictObject({
  aspect_ratio: z.enum(aspectRatios),
  /** The short side. */
  resolution: z.enum(resolutions),
  fps: z.literal(frameRates),
  /** What happens to a clip of another ratio: bars, cut, or bars of its own blurred picture. */
  fit: z.enum(fits),
  transition: z.enum(transitions),
  transition_ms: z.int().min(0).max(2000),
  style: text(500),
  negative_style: text(500),
  music_path: audioPath.nullable(),
  music_url: audioUrl.nullable(),
  music_volume: z.number().min(0).max(1),
  music_fade_out_s: z.number().min(0).max(10),
  music_ducking: z.boolean(),
  spend_limit: money.nullable(),
});
export type FilmSettings = z.infer<typeof filmSettings>;

type SettingKey = keyof FilmSettings;
const settingKeys = Object.keys(filmSettings.shape) as SettingKey[];
type DottedSettings = { [Key in SettingKey as `settings.${Key}`]: z.ZodOptional<(typeof filmSettings.shape)[Key]> };
/** The settings as dotted keys, each optional. */
const dottedSettings = Object.fromEntries(
  settingKeys.map((key) => [`settings.${key}`, filmSettings.shape[key].optional()]),
) as unknown as DottedSettings;

export const filmTitle = text(120);

export const film = z.strictObject({
  _id: objectId,
  title: filmTitle,
  /** True for the oldest film that is not in the trash. */
  is_default: z.boolean(),
  settings: filmSettings,
  shots: z.int().min(0),
  /** The length of the finished film. */
  duration_s: z.number().min(0),
  poster_url: z.string().nullable(),
  version: z.int(),
  created_at: time,
  updated_at: time,
});
export type Film = z.infer<typeof film>;

/** The changes that a client may send: the title, and the settings as an object, as dotted keys, or both. */
export const filmUpdates = z.strictObject({
  title: filmTitle.optional(),
  settings: filmSettings.partial().optional(),
  ...dottedSettings,
});
export type FilmUpdates = z.infer<typeof filmUpdates>;

/** A stored change as broadcast: dotted keys with their new values. */
export const filmChanges = z.strictObject({ title: filmTitle.optional(), ...dottedSettings });
export type FilmChanges = z.infer<typeof filmChanges>;
