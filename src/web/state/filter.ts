import type { Workspace } from '../../contract/workspace';
import { failureOf } from '../generate/failures';
import { clipOf } from '../../contract/continuity';
import { isChanged, stateOf, type ClipContext } from './clip';
import { getState, type AppState, type Filter } from './store';

type Click = AppState['clicks'][string] | undefined;

/** Where a shot stands on its card: a click that was refused here counts as a failure where there is no clip yet. */
export const statusOf = (shot: Workspace, click: Click, state?: ClipContext): ReturnType<typeof stateOf> =>
  failureOf(shot, click)?.isOfClick && !clipOf(shot) ? 'failed' : stateOf(shot, state);

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
