import { createHash } from 'node:crypto';
import type { ExportOptions } from '../contract/export';
import type { FilmSettings } from '../contract/film';
import type { Recipe, RecipeShot } from '../db/export';
import { fadeFramesOf, planFilm, sizeOf, type Plan, type Shot } from './plan';

/** The recipe of a film as it is now, and the shots that it leaves out. */
export function makeRecipe(settings: FilmSettings, shots: Shot[], given: Partial<ExportOptions>) {
  const options = resolveOptions(settings, given);
  const { fps } = options;
  const plan = planFilm(shots, { ...settings, fps });
  const { width, height } = sizeOf(settings.aspect_ratio, options.resolution);
  const recipe: Recipe = {
    width,
    height,
    fps,
    fit: settings.fit,
    captions: options.captions,
    fade_frames: fadeFramesOf({ ...settings, fps }),
    shots: plan.shots.map((planned) => toRecipeShot(planned, options)),
    frames: plan.frames,
    music: musicOf(settings),
  };
  return { recipe, options, leftOut: plan.leftOut };
}

/** Identifies a recipe: two films with the same key come out the same. */
export const keyOf = (filmId: string, recipe: Recipe): string =>
  `${filmId} ${createHash('sha256').update(JSON.stringify(recipe)).digest('hex')}`;

const resolveOptions = (settings: FilmSettings, given: Partial<ExportOptions>): ExportOptions => ({
  captions: given.captions ?? 'none',
  resolution: given.resolution ?? settings.resolution,
  fps: given.fps ?? settings.fps,
});

function toRecipeShot({ shot, clip, ...planned }: Plan['shots'][number], options: ExportOptions): RecipeShot {
  return {
    workspace_id: shot._id,
    kind: clip ? 'clip' : 'picture',
    url: (clip ? clip.url : shot.image_url) ?? '',
    frames: planned.frames,
    from_s: planned.fromS,
    overlap: planned.overlap,
    volume: clip ? shot.cut.volume : 0,
    caption: options.captions === 'none' ? '' : shot.cut.caption.trim(),
  };
}

function musicOf(settings: FilmSettings): Recipe['music'] {
  const { music_url: url, music_volume: volume, music_fade_out_s, music_ducking: ducking } = settings;
  return url && volume > 0 ? { url, volume, fade_out_s: music_fade_out_s, ducking } : null;
}
