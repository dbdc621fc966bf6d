import { useRef, useState, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { moveTo, remove } from '../state/row';
import { chosenIds, extendBy, hasMany, select, selectNeighbour } from '../state/selection';
import { getState } from '../state/store';
import { cardStep, type TimelineItem } from './timeline-layout';
import type { Drag } from './use-drag-order';

type Parts = {
  items: TimelineItem[];
  drag: Drag | null;
  show: (drag: Drag | null) => void;
  drop: (drag: Drag) => void;
  /** Whether shots may change their places: not while some of them are hidden. */
  canMove: boolean;
};

/** The keys on the cards: choosing, extending, moving, lifting and deleting; `news` is said to a screen reader. */
export function useCardKeys({ items, drag, show, drop, canMove }: Parts) {
  const text = useText();
  const [news, setNews] = useState('');
  const hasKeyboard = useRef(false);
  const count = items.length;

  const pull = (by: number, current: Drag) => {
    const to = Math.min(Math.max(current.to + by, 0), count - 1);
    show({ ...current, to, offset: (to - current.from) * cardStep });
    setNews(text('timeline.moved', { number: to + 1, count }));
  };
  const lift = (id: string) => {
    const index = items.findIndex((item) => item.id === id);
    show({ id, from: index, to: index, offset: 0 });
    setNews(text('timeline.lifted', { number: getState().ids.indexOf(id) + 1 }));
  };
  const nudge = (step: number) => {
    const { ids } = getState();
    const chosen = chosenIds();
    const place = Math.min(Math.max(ids.indexOf(chosen[0] ?? '') + step, 0), ids.length - chosen.length);
    moveTo(chosen, place);
    setNews(text('timeline.dropped', { number: place + 1, count: ids.length }));
  };
  const step = (by: number, { altKey, shiftKey }: KeyboardEvent) => {
    if (drag) pull(by, drag);
    else if (altKey && canMove) nudge(by);
    else if (altKey) setNews(text('filter.noMove'));
    else if (shiftKey) extendBy(by);
    else selectNeighbour(by);
  };
  const space = (id: string) => {
    if (drag) {
      show(null);
      drop(drag);
    } else if (canMove) lift(id);
    else setNews(text('filter.noMove'));
  };

  function press(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const id = target.closest<HTMLElement>('[data-workspace-id]')?.dataset.workspaceId;
    const isCommand = event.ctrlKey || event.metaKey;
    if (!id || target.closest('[data-own-keys]') || isCommand) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count }[event.key];
    hasKeyboard.current = true;
    if (!drag && !hasMany(getState())) select(id);
    if (by) step(by, event);
    else if (event.key === ' ') space(id);
    else if (event.key === 'Escape' && drag) {
      show(null);
      setNews(text('timeline.putBack', { number: drag.from + 1 }));
    } else if (event.key === 'Delete' || event.key === 'Backspace') remove(chosenIds());
    else return;
    event.preventDefault();
  }

  return { press, news, setNews, hasKeyboard };
}
