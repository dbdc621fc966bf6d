import { useLayoutEffect, useState, type RefObject } from 'react';
import { cardStep } from './timeline-layout';

const overscan = 3;

/** Which cards are in sight, with a few more on each side: `[first, last)`. */
export function useVisibleRange(scroller: RefObject<HTMLElement | null>, count: number): [number, number] {
  const [[first, last], setRange] = useState<[number, number]>([0, 12]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => {
      const from = Math.max(0, Math.floor(element.scrollLeft / cardStep) - overscan);
      const to = Math.ceil((element.scrollLeft + element.clientWidth) / cardStep) + overscan;
      setRange((range) => (range[0] === from && range[1] === to ? range : [from, to]));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [scroller]);

  return [Math.min(first, count), Math.min(last, count)];
}
