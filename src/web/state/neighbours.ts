import type { Workspace } from '../../contract/workspace';
import type { AppState } from './store';

type Row = Pick<AppState, 'ids' | 'byId'>;

const known = new WeakMap<Row['ids'], Map<string, number>>();

/** The shots before and after a shot in the order of the film; null at its ends. */
export function neighboursOf(id: string, { ids, byId }: Row): Record<'previous' | 'next', Workspace | null> {
  const place = placesOf(ids).get(id) ?? -1;
  const at = (index: number) => (place < 0 ? null : (byId[ids[index] ?? ''] ?? null));
  return { previous: at(place - 1), next: at(place + 1) };
}

/** The place of each shot, found once for all cards. */
function placesOf(ids: Row['ids']): Map<string, number> {
  const places = known.get(ids) ?? new Map(ids.map((id, index) => [id, index]));
  known.set(ids, places);
  return places;
}
