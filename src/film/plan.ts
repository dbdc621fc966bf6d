import { clipOf } from '../contract/continuity';
import type { FilmSettings } from '../contract/film';
import type { AspectRatio } from '../contract/form';
import type { Video } from '../contract/video';
import type { Workspace } from '../contract/workspace';

/** What the plan of a film needs of a shot. */
export type Shot = Pick<Workspace, '_id' | 'image_url' | 'form_data' | 'cut' | 'video' | 'takes'>;

/** One shot on the frame grid of its film. */
export type PlannedShot = {
  shot: Shot;
  /** The clip on show; null for a picture. */
  clip: Video | null;
  /** The first frame in the film. */
  start: number;
  frames: number;
  /** Where in its clip the shot begins, in seconds; 0 for a picture. */
  fromS: number;
  /** How many of its first frames overlap with the shot before. */
  overlap: number;
};

export type Plan = {
  shots: PlannedShot[];
  /** The ids of the shots that have neither a clip nor a picture. */
  leftOut: string[];
  /** The length of the film in frames. */
  frames: number;
};

/** A line of text, and from which frame to which it is shown. */
export type Caption = { text: string; start: number; end: number };

type Timing = Pick<FilmSettings, 'fps' | 'transition' | 'transition_ms'>;

/** Where each shot of a film begins and how long it lasts, in whole frames; player, file and packages all follow it. */
export function planFilm(shots: Shot[], { fps, transition, transition_ms: transitionMs }: Timing): Plan {
  const planned: PlannedShot[] = [];
  const leftOut: string[] = [];
  let end = 0;
  for (const shot of shots) {
    const clip = clipOf(shot);
    if (!clip && !shot.image_url) {
      leftOut.push(shot._id);
      continue;
    }
    const { fromS, toS } = partOf(shot, fps);
    const frames = toFrames(toS - fromS, fps);
    const before = planned.at(-1);
    const overlap = before && transition === 'crossfade' ? overlapOf(before.frames, frames, transitionMs, fps) : 0;
    const start = end - overlap;
    planned.push({ shot, clip, start, frames, fromS, overlap });
    end = start + frames;
  }
  return { shots: planned, leftOut, frames: end };
}

const shortSides = { '720p': 720, '1080p': 1080, '1440p': 1440, '2160p': 2160 };

/** The size of a film's picture: the short side is that of the resolution, the other one is rounded to an even number. */
export function sizeOf(ratio: AspectRatio, resolution: FilmSettings['resolution']): { width: number; height: number } {
  const short = shortSides[resolution];
  const [across = 1, down = 1] = ratio.split(':').map(Number);
  const long = 2 * Math.round((short * Math.max(across, down)) / Math.min(across, down) / 2);
  return across < down ? { width: short, height: long } : { width: long, height: short };
}

/** The length of a film in seconds, to the millisecond. */
export const durationOf = ({ frames }: Pick<Plan, 'frames'>, fps: number): number =>
  Math.round((frames / fps) * 1000) / 1000;

/** What a caption needs of a shot. */
type Captioned = { caption: string; frames: number; overlap: number };

/** The captions of shots that follow each other: each as long as its shot, apart from the frames that overlap with another. */
export function captionsOf(shots: Captioned[]): Caption[] {
  let end = 0;
  return shots.flatMap(({ caption, frames, overlap }, index) => {
    const start = end;
    end += frames - overlap;
    const text = caption.trim();
    const to = end - (shots[index + 1]?.overlap ?? 0);
    return text && to > start ? [{ text, start, end: to }] : [];
  });
}

/** The part of a shot that the film shows, in seconds; of a clip at least one frame. */
export function partOf(shot: Shot, fps: number): { fromS: number; toS: number } {
  const { form_data: form, cut } = shot;
  const clip = clipOf(shot);
  if (!clip) return { fromS: 0, toS: form.duration_s };
  const lengthS = lengthOf(clip, form);
  const fromS = Math.min(cut.in_s, Math.max(0, lengthS - 1 / fps));
  const toS = Math.min(cut.out_s ?? lengthS, lengthS);
  return { fromS, toS: Math.max(toS, fromS + 1 / fps) };
}

/** Whether the film shows less of a clip than all of it. */
export function isShortened(shot: Shot): boolean {
  const clip = clipOf(shot);
  if (!clip) return false;
  const { in_s: inS, out_s: outS } = shot.cut;
  return inS > 0 || (outS !== null && outS < lengthOf(clip, shot.form_data));
}

/** The seconds of a clip: those of its file, else those that were asked for. */
export const lengthOf = (clip: Video, form: Shot['form_data']): number =>
  clip.file_duration_s ?? clip.form_data?.duration_s ?? form.duration_s;

/** What a frame of the film shows of one shot. */
type Layer = {
  /** The place of the shot in the plan. */
  index: number;
  /** Where in its clip, in seconds; of a picture, how long it has been shown. */
  atS: number;
  /** 0 to 1, over the layer before it or over black. */
  opacity: number;
  /** The part of its volume that is heard, 0 to 1. */
  gain: number;
};

/** What the film shows at a frame, or between two frames: one shot, or the two of a crossfade, the later one in front. */
export function layersAt({ shots }: Plan, frame: number, timing: Timing): Layer[] {
  const index = Math.max(
    shots.findLastIndex(({ start }) => start <= frame),
    0,
  );
  const shot = shots[index];
  if (!shot) return [];
  const { fps } = timing;
  const atS = (place: number) => shots[place]!.fromS + Math.max(0, frame - shots[place]!.start) / fps;
  const entered = (frame - shot.start) / shot.overlap;
  if (shot.overlap === 0 || entered >= 1) {
    return [{ index, atS: atS(index), opacity: lightOf({ shots }, index, frame, timing), gain: 1 }];
  }
  return [
    { index: index - 1, atS: atS(index - 1), opacity: 1, gain: 1 - entered },
    { index, atS: atS(index), opacity: entered, gain: entered },
  ];
}

/** How far a shot is from black: half of the time of a transition goes down before the cut, half up after it. */
function lightOf({ shots }: Pick<Plan, 'shots'>, index: number, frame: number, timing: Timing): number {
  const { fps, transition, transition_ms: transitionMs } = timing;
  const half = (transitionMs * fps) / 2000;
  if (transition !== 'fade_black' || half === 0) return 1;
  const { start, frames } = shots[index]!;
  const up = index === 0 ? 1 : (frame - start) / half;
  const down = index === shots.length - 1 ? 1 : (start + frames - frame) / half;
  return Math.min(Math.max(Math.min(up, down), 0), 1);
}

/** How many frames a fade through black takes at each side of a cut; 0 for other transitions. A short shot has fewer. */
export const fadeFramesOf = ({ fps, transition, transition_ms: transitionMs }: Timing): number =>
  transition === 'fade_black' ? Math.round((transitionMs * fps) / 2000) : 0;

/** Half a frame counts as a whole one; the small amount makes up for seconds that floating point cannot hold. */
const toFrames = (seconds: number, fps: number): number => Math.max(1, Math.floor(seconds * fps + 0.5 + 1e-6));

const overlapOf = (before: number, after: number, transitionMs: number, fps: number): number =>
  Math.min(Math.round((transitionMs * fps) / 1000), Math.floor(Math.min(before, after) / 2));
