import { useEffect, useRef } from 'react';
import { useText } from '../i18n';
import { moveBefore } from '../state/row';
import { chosenIds } from '../state/selection';
import { useStore } from '../state/store';
import { Card } from './card';
import { FilterBar, NothingShown } from './filter-bar';
import { SelectionBar } from './selection-bar';
import { cardStep, timelineScrollerId, useTimelineItems } from './timeline-layout';
import { TimelineSummary } from './timeline-summary';
import styles from './timeline.module.css';
import { UploadCard } from './upload-card';
import { useCardKeys } from './use-card-keys';
import { offsetOf, useDragOrder, type Drag } from './use-drag-order';
import { useVisibleRange } from './use-visible-range';
import { useWheelScroll } from './use-wheel-scroll';

/** The shots in a row; only those in sight are in the page. */
export function Timeline() {
  const text = useText();
  const items = useTimelineItems();
  const ids = useStore((state) => state.ids);
  const canMove = useStore(({ filter }) => filter === 'all');
  const selectedId = useStore((state) => state.selectedId);
  const revealedId = useStore((state) => state.revealedId);
  const scroller = useRef<HTMLDivElement>(null);
  const [first, last] = useVisibleRange(scroller, items.length);
  const { drag, show, begin } = useDragOrder(scroller, items, drop);
  const { press, news, setNews, hasKeyboard } = useCardKeys({ items, drag, show, drop, canMove });
  const selectedIndex = items.findIndex(({ id }) => id === selectedId);
  const count = items.length;
  useWheelScroll(scroller);

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
    const card = scroller.current?.querySelector<HTMLElement>('[aria-current=true]');
    if (card && !card.closest('[data-workspace-id]')?.contains(document.activeElement))
      card.focus({ preventScroll: true });
  }

  /** Puts a card, with the others that are chosen where it is one of them, where it was dropped. */
  function drop({ id, from, to }: Drag): void {
    const order = items.filter((_, index) => index !== from);
    order.splice(to, 0, items[from]!);
    const chosen = chosenIds();
    const moved = chosen.includes(id) ? chosen : [id];
    const behind = order.slice(to + 1).find((item) => !item.upload && !moved.includes(item.id));
    moveBefore(moved, behind?.id ?? null);
    setNews(text('timeline.dropped', { number: to + 1, count }));
  }

  const visible = items.slice(first, last).map((item, offset) => ({ item, index: first + offset }));
  // The card that is held and the chosen one keep their focus when they are scrolled out of sight.
  for (const index of new Set([drag?.from ?? -1, selectedIndex])) {
    if (items[index] && (index < first || index >= last)) visible.push({ item: items[index], index });
  }

  return (
    <section className={styles.timeline} aria-label={text('timeline.name')}>
      <div className={styles.bar}>
        <TimelineSummary />
        <FilterBar />
        <SelectionBar />
      </div>
      <p id="timeline-instructions" className="hidden">
        {text('timeline.instructions')}
      </p>
      <p className="hidden" aria-live="assertive">
        {news}
      </p>
      <div
        className={styles.scroller}
        id={timelineScrollerId}
        ref={scroller}
        onPointerDown={() => (hasKeyboard.current = false)}
      >
        {count === 0 && <NothingShown />}
        <ul
          className={styles.cards}
          role="list"
          aria-label={text('timeline.name')}
          style={{ width: count * cardStep }}
          onKeyDown={press}
        >
          {visible.map(({ item, index }) => {
            const left = index * cardStep + offsetOf(index, drag);
            const place = { left, index, count, isHeld: drag?.id === item.id, isMoving: drag !== null };
            if (item.upload) return <UploadCard key={item.id} upload={item.upload} {...place} />;
            const number = ids.indexOf(item.id) + 1;
            return <Card key={item.id} id={item.id} number={number} {...place} onPull={canMove ? begin : stay} />;
          })}
        </ul>
      </div>
    </section>
  );
}

const stay = (): void => undefined;
