import type { Recipe, RecipeShot } from '../db/export';

/** A part of one shot between its overlaps. */
export type Body = {
  kind: 'body';
  shot: RecipeShot;
  /** Its first frame within the shot. */
  from: number;
  frames: number;
  /** How many of its first frames rise from black, and how many of its last ones go down to it. */
  fadeIn: number;
  fadeOut: number;
};

/** The frames in which one shot crosses over into the next. */
export type Cross = {
  kind: 'cross';
  before: RecipeShot;
  /** The first frame of the overlap within the shot before; within the next one it is 0. */
  from: number;
  after: RecipeShot;
  frames: number;
};

export type Piece = Body | Cross;

/**
 * Cuts a film into pieces that follow each other without a gap, so that each frame is encoded once and a changed shot costs only
 * its own pieces.
 */
export function toPieces({ shots, fade_frames: fadeFrames }: Recipe): Piece[] {
  return shots.flatMap((shot, index): Piece[] => {
    const before = shots[index - 1];
    const next = shots[index + 1];
    const frames = shot.frames - shot.overlap - (next?.overlap ?? 0);
    const longest = Math.floor(shot.frames / 2);
    const fade = (isAtCut: boolean) => (isAtCut ? Math.min(fadeFrames, longest) : 0);
    const cross: Cross[] =
      before && shot.overlap > 0
        ? [{ kind: 'cross', before, from: before.frames - shot.overlap, after: shot, frames: shot.overlap }]
        : [];
    const body: Body = {
      kind: 'body',
      shot,
      from: shot.overlap,
      frames,
      fadeIn: fade(before !== undefined),
      fadeOut: fade(next !== undefined),
    };
    return frames > 0 ? [...cross, body] : cross;
  });
}
