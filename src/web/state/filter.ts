import type { Workspace } from '../../contract/workspace';
import { failureOf } from '../generate/failures';
import { clipOf } from '../../contract/continuity';
import { isWaitingInBatch, type WithUnsent } from './batches';
import { isChanged, stateOf, type ClipContext } from './clip';
import { getState, type AppState, type Filter } from './store';

type Context = ClipContext & WithUnsent;
type Click = AppState['clicks'][string] | undefined;

/** Where a shot stands on its card: one that waits in a batch says so, one that a batch did not start has failed, and a click that was refused here counts as a failure where there is no clip yet. */
export function statusOf(shot: Workspace, click: Click, state: Context = getState()) {
  const isWaiting = shot.video.status !== 'generating' && isWaitingInBatch(state, shot._id);
  if (isWaiting) return 'waiting';
  const failure = failureOf(shot, click, state);
  return failure?.isUnsent || (failure?.isOfClick && !clipOf(shot)) ? 'failed' : stateOf(shot, state);
}

const fits: Record<Filter, (shot: Workspace, click: Click) => boolean> = {
  all: () => true,
  failed: (shot, click) => statusOf(shot, click) === 'failed',
  notMade: (shot) => !clipOf(shot),
  changed: (shot) => isChanged(shot),
};

export const filters = Object.keys(fits) as Filter[];

/** The shots that the filter lets through, in the order of the film. */
export function shownIds({ ids, byId, clicks, filter }: AppState = getState()): readonly string[] {
  if (filter === 'all') return ids;
  return ids.filter((id) => byId[id] && fits[filter](byId[id], clicks[id]));
}
