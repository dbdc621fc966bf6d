import { useEffect, useLayoutEffect, useRef, type RefObject } from 'react';
import { useText } from '../i18n';
import { useStore } from '../state/store';
import { classes } from '../ui/classes';
import styles from './chooser-list.module.css';
import { MovePreview } from './move-preview';
import type { Word } from './use-word';

type Props = {
  id: string;
  anchor: RefObject<HTMLInputElement | null>;
  words: Word[];
  active: number;
  value: string;
  /** What is typed, where no word is called so. */
  ownWords: string;
  picture?: string | null;
  onChoose: (value: string) => void;
};

const gapPx = 6;
const heightPx = 360;
const gridWidthPx = 420;

/** The words to choose from, above everything else on the page. */
export function ChooserList({ id, anchor, words, active, value, ownWords, picture, onChoose }: Props) {
  const text = useText();
  const language = useStore((state) => state.language);
  const list = useRef<HTMLUListElement>(null);
  const isGrid = picture !== undefined;

  useLayoutEffect(() => {
    const element = list.current;
    const box = anchor.current?.getBoundingClientRect();
    if (!element || !box) return;
    element.showPopover();
    const width = Math.min(Math.max(box.width, isGrid ? gridWidthPx : 220), innerWidth - 2 * gapPx);
    const below = innerHeight - box.bottom - 2 * gapPx;
    const isBelow = below > Math.min(heightPx, 240) || below > box.top;
    Object.assign(element.style, {
      width: `${width}px`,
      left: `${Math.max(gapPx, Math.min(box.left, innerWidth - width - gapPx))}px`,
      maxHeight: `${Math.min(heightPx, isBelow ? below : box.top - 2 * gapPx)}px`,
      top: isBelow ? `${box.bottom + gapPx}px` : 'auto',
      bottom: isBelow ? 'auto' : `${innerHeight - box.top + gapPx}px`,
    });
  }, [anchor, isGrid]);

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  return (
    <ul
      id={id}
      ref={list}
      popover="manual"
      role="listbox"
      aria-label={text('form.choices')}
      className={classes(styles.choices, isGrid && styles.grid)}
    >
      {words.map((word, index) => (
        <li
          key={word.id}
          id={`${id}-${word.id}`}
          role="option"
          aria-selected={word.id === value}
          className={index === active ? styles.active : undefined}
          // The field keeps the focus, so that leaving it always means "done".
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose(word.id)}
        >
          {isGrid && <MovePreview movement={word.id} picture={picture} />}
          <span className={styles.name}>{word[language]}</span>
          <span className={styles.other}>{word[language === 'en' ? 'zh' : 'en']}</span>
        </li>
      ))}
      {ownWords && (
        <li
          id={`${id}-own`}
          role="option"
          aria-selected={false}
          className={classes(styles.active, styles.own)}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose(ownWords)}
        >
          <span className={styles.name}>{text('form.ownWords', { text: ownWords })}</span>
          <span className={styles.other}>{text('form.noneFound')}</span>
        </li>
      )}
      {value && (
        <li
          role="option"
          aria-selected={false}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose('')}
        >
          <span className={classes(styles.name, 'muted')}>{text('form.clear')}</span>
        </li>
      )}
    </ul>
  );
}
