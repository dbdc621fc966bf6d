import { useMemo } from 'react';
import { shownIds } from '../state/filter';
import { getState, useStore, type AppState, type Upload } from '../state/store';

/** Every card is as wide as every other, so that its place is its number times this. */
export const cardStep = 188;
export const timelineScrollerId = 'timeline-scroller';

export type TimelineItem = { id: string; upload?: Upload };

/** The cards in order that the filter shows: shots, and between them the pictures that are still on their way. */
export function useTimelineItems(): TimelineItem[] {
  const ids = useStore((state) => state.ids);
  const uploads = useStore((state) => state.uploads);
  const filter = useStore((state) => state.filter);
  // Only a filter looks at what is in the shots.
  const byId = useStore((state) => (state.filter === 'all' ? null : state.byId));
  const clicks = useStore((state) => (state.filter === 'all' ? null : state.clicks));
  return useMemo(() => shownItems(getState()), [ids, uploads, filter, byId, clicks]);
}

/** The place in the timeline under a point of the page; undefined outside of the timeline. */
export function placeUnder(x: number, y: number): number | undefined {
  const scroller = document.getElementById(timelineScrollerId);
  const box = scroller?.getBoundingClientRect();
  if (!scroller || !box || y < box.top || y > box.bottom) return undefined;
  const gapIndex = Math.round((x - box.left + scroller.scrollLeft) / cardStep);
  const before = shownItems(getState()).slice(0, Math.max(0, gapIndex));
  const previous = before.findLast((item) => !item.upload);
  return previous ? getState().ids.indexOf(previous.id) + 1 : 0;
}

function shownItems(state: AppState): TimelineItem[] {
  const { ids, uploads, filter } = state;
  const items = mergeItems(ids, uploads);
  if (filter === 'all') return items;
  const shown = new Set(shownIds(state));
  const isShown = (upload: Upload) => filter === 'failed' && upload.phase === 'failed';
  return items.filter(({ id, upload }) => (upload ? isShown(upload) : shown.has(id)));
}

function mergeItems(ids: readonly string[], uploads: Upload[]): TimelineItem[] {
  const items: TimelineItem[] = ids.map((id) => ({ id }));
  for (const upload of uploads) {
    if (upload.replaces) continue;
    const behind = upload.after ? items.findIndex(({ id }) => id === upload.after) : -1;
    const isLost = upload.after !== null && behind < 0;
    items.splice(isLost ? items.length : behind + 1, 0, { id: upload.id, upload });
  }
  return items;
}
