import { useMemo } from 'react';
import { getState, useStore, type Upload } from '../state/store';

/** Every card is as wide as every other, so that its place is its number times this. */
export const cardStep = 188;
export const timelineScrollerId = 'timeline-scroller';

export type TimelineItem = { id: string; upload?: Upload };

/** The cards in order: shots, and between them the pictures that are still on their way. */
export function useTimelineItems(): TimelineItem[] {
  const ids = useStore((state) => state.ids);
  const uploads = useStore((state) => state.uploads);
  return useMemo(() => mergeItems(ids, uploads), [ids, uploads]);
}

/** The place in the timeline under a point of the page; undefined outside of the timeline. */
export function placeUnder(x: number, y: number): number | undefined {
  const scroller = document.getElementById(timelineScrollerId);
  const box = scroller?.getBoundingClientRect();
  if (!scroller || !box || y < box.top || y > box.bottom) return undefined;
  const gapIndex = Math.round((x - box.left + scroller.scrollLeft) / cardStep);
  const { ids, uploads } = getState();
  const before = mergeItems(ids, uploads).slice(0, Math.max(0, gapIndex));
  return before.filter((item) => !item.upload).length;
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
