// No zod here, so that the browser can import these functions without loading it.

import { formKeys } from './defaults';
import type { FormData } from './form';
import type { Video } from './video';
import type { Workspace } from './workspace';

/** What the continuity of a film needs of a shot. */
export type LinkedShot = Pick<Workspace, 'image_url' | 'end_image_url' | 'form_data' | 'cut' | 'video' | 'takes'>;

/** The shots beside a shot in the film; null at its ends. */
export type Neighbours = { previous: LinkedShot | null; next: LinkedShot | null };

/** The pictures that a form asks for; null where there is none, or where a clip of its own has to be made first. */
export type Sources = Pick<Video, 'image_url' | 'end_image_url' | 'from_attempt_id' | 'from_s'>;

const usualFps = 24;

/** The clip on show: the video if it is completed, else the first take. */
export const clipOf = ({ video, takes }: Pick<Workspace, 'video' | 'takes'>): Video | null =>
  video.status === 'completed' ? video : (takes[0] ?? null);

/** Where the film leaves the clip of a shot, in seconds; null: at the end of its file. At least one frame remains. */
export function endOfCut({ cut: { in_s: inS, out_s: outS } }: LinkedShot, clip: Video): number | null {
  if (outS === null) return null;
  const oneFrame = Math.floor((inS + 1 / (clip.fps ?? usualFps)) * 1000) / 1000;
  const endS = outS > inS ? outS : oneFrame;
  return clip.file_duration_s !== null && endS >= clip.file_duration_s ? null : endS;
}

/** The pictures that a shot is made from as its film stands; `image_url` is null for a frame of the shot before, which is not a file yet. */
export function sourcesOf(shot: LinkedShot, { previous, next }: Neighbours): Sources {
  const clip = previous && clipOf(previous);
  const isLinked = shot.form_data.start === 'previous';
  return {
    image_url: isLinked ? null : shot.image_url,
    from_attempt_id: isLinked && clip ? clip.attempt_id : null,
    from_s: isLinked && clip ? endOfCut(previous, clip) : null,
    end_image_url: endImageOf(shot, next),
  };
}

function endImageOf({ form_data: { end }, end_image_url: own }: LinkedShot, next: LinkedShot | null): string | null {
  if (end === 'none') return null;
  return end === 'image' ? own : (next?.image_url ?? null);
}

/** What a form leaves empty, as it is meant now. */
export type Meaning = { provider?: string; model?: string; resolution?: string | null };
type Styles = { style: string; negative_style: string };

/**
 * Whether a shot is no longer what a clip was made from: form, pictures, the clip before it, or style. Everything comes from what the
 * server stores, so that every browser and the server say the same.
 */
export function isOutOfDate(
  shot: LinkedShot,
  clip: Video,
  { neighbours, meaning, style, negative_style }: Styles & { neighbours: Neighbours; meaning: Meaning },
): boolean {
  if (hasOtherForm(shot.form_data, clip, meaning)) return true;
  // What a clip of before was made from is not known.
  if (!clip.form_data || clip.image_url === null) return false;
  const now = sourcesOf(shot, neighbours);
  const isSameStart =
    shot.form_data.start === 'previous'
      ? clip.from_attempt_id === now.from_attempt_id && clip.from_s === now.from_s
      : clip.image_url === now.image_url;
  const isSameStyle = clip.style === style.trim() && clip.negative_style === negative_style.trim();
  return !isSameStart || clip.end_image_url !== now.end_image_url || !isSameStyle;
}

/** Whether a form asks for something else than the one that a clip was made with. */
export function hasOtherForm(form: FormData, clip: Video, meaning: Meaning): boolean {
  const { form_data: made, provider, model } = clip;
  if (!made) return false;
  const isNamed = { provider, model, resolution: meaning.resolution };
  return formKeys.some((key) => {
    if (form[key] === made[key]) return false;
    if (key !== 'provider' && key !== 'model' && key !== 'resolution') return true;
    // An empty name is the one that it stood for then, and the one that it stands for now.
    const stood = made[key] || isNamed[key];
    return (form[key] || (meaning[key] ?? stood)) !== stood;
  });
}
