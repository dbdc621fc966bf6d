import { useEffect, type RefObject } from 'react';

const lineHeightPx = 40;

/** Lets a plain mouse wheel scroll a row sideways; at the ends of the row it scrolls the page again. */
export function useWheelScroll(scroller: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const turn = (event: WheelEvent) => {
      const isPlain = !event.ctrlKey && !event.shiftKey && event.deltaX === 0;
      if (!isPlain || event.deltaY === 0) return;
      const before = element.scrollLeft;
      element.scrollLeft += event.deltaY * pixelsOf(event, element);
      if (element.scrollLeft !== before) event.preventDefault();
    };
    // React listens passively to the wheel, so that nothing could be prevented.
    element.addEventListener('wheel', turn, { passive: false });
    return () => element.removeEventListener('wheel', turn);
  }, [scroller]);
}

function pixelsOf({ deltaMode }: WheelEvent, element: HTMLElement): number {
  if (deltaMode === WheelEvent.DOM_DELTA_LINE) return lineHeightPx;
  return deltaMode === WheelEvent.DOM_DELTA_PAGE ? element.clientWidth : 1;
}
