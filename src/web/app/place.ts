import { useEffect } from 'react';
import { keepPlace, readPlace } from '../state/place';
import { timelineScrollerId } from '../timeline/timeline-layout';

/** Scrolls to where the page was before a reload, once the timeline is there, and keeps the place when the page is left. */
export function usePlace(isThere: boolean): void {
  useEffect(() => {
    const scroller = document.getElementById(timelineScrollerId);
    if (!isThere || !scroller) return;
    const { rowLeft, pageTop } = readPlace();
    if (rowLeft !== undefined) scroller.scrollLeft = rowLeft;
    if (pageTop !== undefined) window.scrollTo({ top: pageTop });
  }, [isThere]);
  useEffect(() => {
    const keep = () =>
      keepPlace({ rowLeft: document.getElementById(timelineScrollerId)?.scrollLeft ?? 0, pageTop: window.scrollY });
    const keepHidden = () => document.hidden && keep();
    window.addEventListener('pagehide', keep);
    document.addEventListener('visibilitychange', keepHidden);
    return () => {
      window.removeEventListener('pagehide', keep);
      document.removeEventListener('visibilitychange', keepHidden);
    };
  }, []);
}
