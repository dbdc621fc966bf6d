import { lengthOf, partOf } from '../../film/plan';
import type { Video } from '../../contract/video';
import type { Cut, Workspace } from '../../contract/workspace';

/** The part of a clip that the film shows, in frames of the film; `out` is the frame after the last one. */
export type CutFrames = { in: number; out: number; length: number };
export type CutEnd = 'in' | 'out';

export function cutFrames(workspace: Workspace, clip: Video, fps: number): CutFrames {
  const { fromS, toS } = partOf(workspace, fps);
  const length = Math.max(1, Math.round(lengthOf(clip, workspace.form_data) * fps));
  const first = Math.min(Math.round(fromS * fps), length - 1);
  return { in: first, out: Math.min(Math.max(Math.round(toS * fps), first + 1), length), length };
}

/** Where a handle comes to that is moved to a frame: it stays in the clip, and one frame from the other one. */
export function placeWithin(cut: CutFrames, end: CutEnd, frame: number): number {
  const [least, most] = end === 'in' ? [0, cut.out - 1] : [cut.in + 1, cut.length];
  return Math.min(Math.max(Math.round(frame), least), most);
}

/** The field that a handle at a frame stands for; at the end of the clip, the film follows its end. */
export function cutAt({ length }: CutFrames, end: CutEnd, frame: number, fps: number): Partial<Cut> {
  const seconds = Math.round((frame / fps) * 1000) / 1000;
  if (end === 'in') return { in_s: seconds };
  return { out_s: frame >= length ? null : seconds };
}

/** The time in the clip at which the frame of a handle is seen: the first that the film shows, or the last one. */
export const seenAt = (end: CutEnd, frame: number, fps: number): number => (frame + (end === 'in' ? 0.5 : -0.5)) / fps;
