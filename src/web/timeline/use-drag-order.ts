import { useRef, useState, type PointerEvent as ReactPointerEvent, type RefObject } from 'react';
import { cardStep, type TimelineItem } from './timeline-layout';

/** A card that is being moved: where it came from, where it would land, and how far it has been pulled, in px. */
export type Drag = { id: string; from: number; to: number; offset: number };

const startAfterPx = 6;
const longPressMs = 300;
const edgePx = 60;
const scrollPx = 14;

/** Lets a pointer pull a card to another place; a finger holds it for a moment first, so that it can still scroll. */
export function useDragOrder(
  scroller: RefObject<HTMLElement | null>,
  items: TimelineItem[],
  onDrop: (drag: Drag) => void,
) {
  const [drag, setDrag] = useState<Drag | null>(null);
  const latest = useRef<Drag | null>(null);
  const show = (next: Drag | null) => setDrag((latest.current = next));

  function begin(event: ReactPointerEvent, id: string): void {
    const element = scroller.current;
    if (event.button !== 0 || !element) return;
    const from = items.findIndex((item) => item.id === id);
    const start = { x: event.clientX, y: event.clientY, scroll: element.scrollLeft };
    const isTouch = event.pointerType === 'touch';
    let pointerX = start.x;
    let frame = 0;

    const update = () => {
      const offset = pointerX - start.x + element.scrollLeft - start.scroll;
      const to = Math.min(Math.max(Math.round(from + offset / cardStep), 0), items.length - 1);
      show({ id, from, to, offset });
    };
    const scrollAtEdge = () => {
      const box = element.getBoundingClientRect();
      const before = element.scrollLeft;
      if (pointerX < box.left + edgePx) element.scrollLeft -= scrollPx;
      if (pointerX > box.right - edgePx) element.scrollLeft += scrollPx;
      if (element.scrollLeft !== before) update();
      frame = requestAnimationFrame(scrollAtEdge);
    };
    const lift = () => {
      frame = requestAnimationFrame(scrollAtEdge);
      update();
    };
    const move = ({ clientX, clientY }: PointerEvent) => {
      pointerX = clientX;
      if (latest.current) return update();
      const pulled = Math.hypot(clientX - start.x, clientY - start.y) > startAfterPx;
      if (pulled && isTouch) finish();
      else if (pulled) lift();
    };
    const finish = (isDropped = false) => {
      clearTimeout(press);
      cancelAnimationFrame(frame);
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', drop);
      removeEventListener('pointercancel', cancel);
      removeEventListener('keydown', escape, true);
      removeEventListener('touchmove', hold);
      const dropped = latest.current;
      show(null);
      if (isDropped && dropped) onDrop(dropped);
    };
    const drop = () => finish(true);
    const cancel = () => finish();
    const escape = (key: KeyboardEvent) => {
      if (key.key !== 'Escape') return;
      // The chosen shots stay chosen.
      if (latest.current) key.preventDefault();
      finish();
    };
    const hold = (touch: TouchEvent) => latest.current && touch.preventDefault();
    const press = isTouch ? setTimeout(lift, longPressMs) : undefined;

    addEventListener('pointermove', move);
    addEventListener('pointerup', drop);
    addEventListener('pointercancel', cancel);
    addEventListener('keydown', escape, true);
    addEventListener('touchmove', hold, { passive: false });
  }

  return { drag, show, begin };
}

/** How far a card steps aside for the one that is being moved, in px. */
export function offsetOf(index: number, drag: Drag | null): number {
  if (!drag) return 0;
  if (index === drag.from) return drag.offset;
  if (index > drag.from && index <= drag.to) return -cardStep;
  if (index < drag.from && index >= drag.to) return cardStep;
  return 0;
}
