import type { Workspace } from '../../contract/workspace';
import { clipOf } from '../../contract/continuity';
import { settingsOf } from './films';
import { neighboursOf } from './neighbours';
import { isOutOfDate } from './out-of-date';
import { getState, type AppState } from './store';

/** What it takes to tell whether a clip is out of date. */
export type ClipContext = Pick<AppState, 'options' | 'films' | 'filmId' | 'ids' | 'byId'>;

/** Whether the clip of a shot was made from something else than what the shot is now. */
export function isChanged(workspace: Workspace, state: ClipContext = getState()): boolean {
  const clip = clipOf(workspace);
  return (
    clip !== null &&
    isOutOfDate(workspace, clip, {
      ...settingsOf(state),
      options: state.options,
      neighbours: neighboursOf(workspace._id, state),
    })
  );
}

/** Where a shot stands. A cancelled attempt leaves it as it was before. */
export function stateOf(workspace: Workspace, state: ClipContext = getState()) {
  const { status, error } = workspace.video;
  if (status === 'generating') return 'generating';
  if (status === 'failed' && error?.code !== 'CANCELLED') return 'failed';
  if (isChanged(workspace, state)) return 'changed';
  if (clipOf(workspace)) return 'completed';
  return workspace.image_url || workspace.form_data.start === 'previous' ? 'idle' : 'noPicture';
}
