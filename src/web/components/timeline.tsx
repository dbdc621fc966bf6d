import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { move, remove, select, selectNeighbour } from '../state/shots';
import { useStore } from '../state/store';
import { Card } from './card';
import { cardStep, timelineScrollerId, useTimelineItems } from './timeline-layout';
import { UploadCard } from './upload-card';
import { offsetOf, useDragOrder, type Drag } from './use-drag-order';
import { useVisibleRange } from './use-visible-range';

/** The shots in a row; only those in sight are in the page. */
export function Timeline() {
  const text = useText();
  const items = useTimelineItems();
  const ids = useStore((state) => state.ids);
  const seconds = useStore(({ byId }) =>
    Object.values(byId).reduce((sum, { form_data: form }) => sum + form.duration_s, 0),
  );
  const selectedId = useStore((state) => state.selectedId);
  const scroller = useRef<HTMLDivElement>(null);
  const [news, setNews] = useState('');
  const [first, last] = useVisibleRange(scroller, items.length);
  const { drag, show, begin } = useDragOrder(scroller, items, drop);
  const selectedIndex = items.findIndex(({ id }) => id === selectedId);
  const count = items.length;

  const revealedId = useStore((state) => state.revealedId);

  const bringIntoSight = (index: number) => {
    const element = scroller.current;
    if (!element || index < 0) return;
    const left = index * cardStep;
    if (left < element.scrollLeft) element.scrollLeft = left - cardStep / 2;
    if (left + cardStep > element.scrollLeft + element.clientWidth) {
      element.scrollLeft = left + cardStep * 1.5 - element.clientWidth;
    }
  };
  useEffect(() => bringIntoSight(selectedIndex), [selectedIndex]);
  useEffect(() => bringIntoSight(items.findIndex(({ id }) => id === revealedId)), [revealedId]);

  useEffect(() => {
    // The keyboard follows the chosen card, also when its place in the page has changed.
    if (scroller.current?.contains(document.activeElement) || document.activeElement === document.body) focusCard();
  }, [selectedId, ids]);

  function focusCard(): void {
    if (!hasKeyboard.current) return;
    const card = scroller.current?.querySelector<HTMLElement>('.card.is-selected .card-face');
    if (card && !card.closest('.card')?.contains(document.activeElement)) card.focus({ preventScroll: true });
  }
  const hasKeyboard = useRef(false);

  function drop({ id, from, to }: Drag): void {
    const order = items.filter((_, index) => index !== from);
    order.splice(to, 0, items[from]!);
    move(
      id,
      order.filter((item) => !item.upload).findIndex((item) => item.id === id),
    );
    setNews(text('timeline.dropped', { number: to + 1, count }));
  }

  function press(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count }[event.key];
    const id = (event.target as HTMLElement).closest<HTMLElement>('[data-workspace-id]')?.dataset.workspaceId;
    if (!id || (event.target as HTMLElement).closest('.card-delete')) return;
    const index = items.findIndex((item) => item.id === id);
    const pull = (by: number, current: Drag) => {
      const to = Math.min(Math.max(current.to + by, 0), count - 1);
      show({ ...current, to, offset: (to - current.from) * cardStep });
      setNews(text('timeline.moved', { number: to + 1, count }));
    };
    hasKeyboard.current = true;
    if (!drag) select(id);
    if (step && drag) pull(step, drag);
    else if (step && event.altKey)
      drop({ id, from: index, to: Math.min(Math.max(index + step, 0), count - 1), offset: 0 });
    else if (step) selectNeighbour(step);
    else if (event.key === ' ' && drag) {
      show(null);
      drop(drag);
    } else if (event.key === ' ') {
      show({ id, from: index, to: index, offset: 0 });
      setNews(text('timeline.lifted', { number: ids.indexOf(id) + 1 }));
    } else if (event.key === 'Escape' && drag) {
      show(null);
      setNews(text('timeline.putBack', { number: drag.from + 1 }));
    } else if (event.key === 'Delete' || event.key === 'Backspace') remove(id);
    else return;
    event.preventDefault();
  }

  const visible = items.slice(first, last).map((item, offset) => ({ item, index: first + offset }));
  // The card that is held and the chosen one keep their focus when they are scrolled out of sight.
  for (const index of new Set([drag?.from ?? -1, selectedIndex])) {
    if (items[index] && (index < first || index >= last)) visible.push({ item: items[index], index });
  }

  return (
    <section className="timeline" aria-label={text('timeline.name')}>
      <p className="timeline-summary muted">
        {text(ids.length === 1 ? 'timeline.summaryOne' : 'timeline.summary', { shots: ids.length, seconds })}
      </p>
      <p id="timeline-instructions" className="hidden">
        {text('timeline.instructions')}
      </p>
      <p className="hidden" aria-live="assertive">
        {news}
      </p>
      <div
        className="timeline-scroller"
        id={timelineScrollerId}
        ref={scroller}
        onPointerDown={() => (hasKeyboard.current = false)}
      >
        <ul
          className="cards"
          role="list"
          aria-label={text('timeline.name')}
          style={{ width: count * cardStep }}
          onKeyDown={press}
        >
          {visible.map(({ item, index }) => {
            const left = index * cardStep + offsetOf(index, drag);
            const place = { left, index, count, isHeld: drag?.id === item.id, isMoving: drag !== null };
            if (item.upload) return <UploadCard key={item.id} upload={item.upload} {...place} />;
            return <Card key={item.id} id={item.id} number={ids.indexOf(item.id) + 1} {...place} onPull={begin} />;
          })}
        </ul>
      </div>
    </section>
  );
}
