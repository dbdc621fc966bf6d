import { clipOf, endOfCut } from '../../contract/continuity';
import type { Workspace } from '../../contract/workspace';
import { neighboursOf } from './neighbours';
import { formFaults } from './providers';
import type { AppState } from './store';

/** What a shot is to start from or to end on and cannot, with the number of the shot that lacks it. */
export type Lack = {
  field: 'start' | 'end';
  what: 'picture' | 'previous' | 'previousClip' | 'endPicture' | 'next' | 'nextPicture';
  number: number;
};

/** Everything that a shot is to be made from and that is not there; nothing to end on where its model cannot, which is said instead. */
export function lacksOf(shot: Workspace, state: Pick<AppState, 'ids' | 'byId' | 'options'>): Lack[] {
  const { start, end } = shot.form_data;
  const { previous, next } = neighboursOf(shot._id, state);
  const number = state.ids.indexOf(shot._id) + 1;
  const lacks: Lack[] = [];
  if (start === 'image' && !shot.image_url) lacks.push({ field: 'start', what: 'picture', number });
  if (start === 'previous' && !previous) lacks.push({ field: 'start', what: 'previous', number });
  if (start === 'previous' && previous && !clipOf(previous)) {
    lacks.push({ field: 'start', what: 'previousClip', number: number - 1 });
  }
  if (formFaults(state, shot.form_data).some(({ field }) => field === 'end')) return lacks;
  if (end === 'image' && !shot.end_image_url) lacks.push({ field: 'end', what: 'endPicture', number });
  if (end === 'next' && !next) lacks.push({ field: 'end', what: 'next', number });
  if (end === 'next' && next && !next.image_url) {
    lacks.push({ field: 'end', what: 'nextPicture', number: number + 1 });
  }
  return lacks;
}

/** Where the frame is that a linked shot starts from: a picture of it, or a moment of a clip; null for the end of its file. */
export type StartFrame = { image: string } | { clip: string; atS: number | null; fps: number | null };

/** The frame that a linked shot starts from as the film stands; null where the shot before has no clip. */
export function startFrameOf(shot: Workspace, previous: Workspace | null): StartFrame | null {
  if (!previous) return null;
  const from = clipOf(previous);
  if (!from?.url) return null;
  const atS = endOfCut(previous, from);
  const made = [shot.video, ...shot.takes].find(
    (take) => take.image_url !== null && take.from_attempt_id === from.attempt_id && take.from_s === atS,
  );
  return made?.image_url ? { image: made.image_url } : { clip: from.url, atS, fps: from.fps };
}
