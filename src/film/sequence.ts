import type { FilmSettings } from '../contract/film';
import { captionsOf, fadeFramesOf, type Caption, type Plan, type PlannedShot } from './plan';

/** What the formats of other editors say about a file of a package. */
export type Media = {
  /** Its place in the package. */
  path: string;
  /** In pixels, as shown; null where they are not known, and for music. */
  width: number | null;
  height: number | null;
  /** Null for a picture. */
  lengthS: number | null;
  fps: number | null;
  hasAudio: boolean;
};

/** A transition over a cut, in frames of the film. */
export type Join = { kind: 'crossfade' | 'fade_black'; start: number; cut: number; end: number };

/** A shot as editors have it: it touches its neighbours, and a transition shows more of it than `from` and `to` tell. */
export type SequenceShot = PlannedShot & {
  media: Media;
  from: number;
  to: number;
  /** The first of all its frames, as a frame of its file at the rate of the film. */
  sourceStart: number;
  /** The transition from the shot before. */
  join: Join | null;
};

/** A film for other editors: the plan, with a file for each shot. */
export type Sequence = {
  title: string;
  settings: FilmSettings;
  width: number;
  height: number;
  frames: number;
  shots: SequenceShot[];
  captions: Caption[];
  music: Music | null;
};

export type Music = Media & { lengthS: number };

type Frame = Pick<Sequence, 'title' | 'settings' | 'width' | 'height' | 'music'>;

/** Lays the shots of a plan end to end; `media` has the file of each. */
export function toSequence(plan: Plan, media: Media[], frame: Frame): Sequence {
  const { fps } = frame.settings;
  const joins = plan.shots.map((shot, index) => joinOf(plan.shots[index - 1], shot, frame.settings));
  const cutAt = (index: number, edge: number) => joins[index]?.cut ?? edge;
  const shots = plan.shots.map((shot, index) => ({
    ...shot,
    media: media[index]!,
    from: cutAt(index, shot.start),
    to: cutAt(index + 1, shot.start + shot.frames),
    sourceStart: Math.round(shot.fromS * fps),
    join: joins[index]!,
  }));
  return { ...frame, frames: plan.frames, shots, captions: captionsOf(plan.shots.map(captioned)) };
}

function joinOf(before: PlannedShot | undefined, shot: PlannedShot, settings: FilmSettings): Join | null {
  const { transition } = settings;
  if (!before || transition === 'cut') return null;
  const { start, overlap } = shot;
  if (transition === 'crossfade') {
    return overlap > 0 ? { kind: transition, start, cut: start + Math.floor(overlap / 2), end: start + overlap } : null;
  }
  const shorter = Math.min(before.frames, shot.frames);
  const half = Math.min(fadeFramesOf(settings), Math.floor(shorter / 2));
  return half > 0 ? { kind: transition, start: start - half, cut: start, end: start + half } : null;
}

/** The pieces in which music is repeated up to the end of a film, in the unit of its lengths. */
export function repeat(length: number, total: number): { start: number; length: number }[] {
  const pieces = [];
  for (let start = 0; start < total; start += length) pieces.push({ start, length: Math.min(length, total - start) });
  return pieces;
}

/** The music in whole frames, each piece within its file. */
export const musicPieces = ({ frames, music, settings }: Sequence): { start: number; length: number }[] =>
  music ? repeat(Math.max(1, Math.floor(music.lengthS * settings.fps)), frames) : [];

const captioned = ({ shot, frames, overlap }: PlannedShot) => ({ caption: shot.cut.caption, frames, overlap });
