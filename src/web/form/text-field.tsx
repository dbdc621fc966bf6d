import { memo, useLayoutEffect, useRef } from 'react';
import { edit } from '../state/shots';
import { classes } from '../ui/classes';
import { Field, fieldId, noteId } from './field';
import { keyOf } from './field-name';
import styles from './text-field.module.css';
import { fitText } from './text-length';

type Props = {
  shotId: string;
  name: 'prompt' | 'negative_prompt' | 'caption';
  value: string;
  placeholder: string;
  /** What the server stores at most, in UTF-16 units as all lengths of text. */
  storedMax: number;
  /** What the provider takes, and the sentence for more. */
  limit: number;
  tooLong: string;
  note?: string;
  /** Whether the provider needs words here, and there are none. */
  isNeeded?: boolean;
};

const rows = { prompt: 4, negative_prompt: 2, caption: 1 };

/** Text with a counter; words that arrive from another window leave the cursor where it is. */
export const TextField = memo(function TextField(props: Props) {
  const { shotId, name, value, placeholder, storedMax, limit, tooLong, note, isNeeded } = props;
  const area = useRef<HTMLTextAreaElement>(null);
  const isComposing = useRef(false);
  const keep = (element: HTMLTextAreaElement) => {
    const { value: typed, selectionEnd: caret } = element;
    const kept = fitText(clean(typed), caret, storedMax);
    if (kept !== typed) {
      element.value = kept;
      const place = Math.max(0, caret - (typed.length - kept.length));
      element.setSelectionRange(place, place);
    }
    edit(shotId, { [keyOf(name)]: kept });
  };
  const nearest = Math.min(storedMax, limit);
  const isTooLong = value.length > nearest;

  useLayoutEffect(() => {
    const element = area.current;
    if (!element || element.value === value || isComposing.current) return;
    const { selectionStart: start, selectionEnd: end, value: shown } = element;
    element.value = value;
    if (document.activeElement === element) {
      element.setSelectionRange(moved(start, shown, value), moved(end, shown, value));
    }
  });

  return (
    <Field
      name={name}
      note={isTooLong ? tooLong : note}
      isWrong={isTooLong}
      isNeeded={isNeeded}
      side={
        <span className={classes(styles.counter, isTooLong && styles.wrong)} aria-hidden="true">
          {value.length} / {nearest}
        </span>
      }
    >
      <textarea
        id={fieldId(name)}
        ref={area}
        className={name === 'prompt' ? styles.prompt : undefined}
        data-of-film
        defaultValue={value}
        placeholder={placeholder}
        rows={rows[name]}
        aria-invalid={isTooLong}
        aria-required={isNeeded}
        aria-describedby={isTooLong || note ? noteId(name) : undefined}
        onCompositionStart={() => (isComposing.current = true)}
        onCompositionEnd={({ currentTarget }) => {
          isComposing.current = false;
          keep(currentTarget);
        }}
        onChange={({ target }) => {
          if (!isComposing.current) keep(target);
        }}
      />
    </Field>
  );
});

/** Where a place in the old text is in the new one: text that changed before it pushes it along. */
function moved(place: number, before: string, after: string): number {
  let same = 0;
  while (same < before.length && same < after.length && before[same] === after[same]) same++;
  if (place <= same) return place;
  let tail = 0;
  const most = Math.min(before.length, after.length) - same;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const isInTail = place >= before.length - tail;
  return isInTail ? place + after.length - before.length : Math.min(place, after.length - tail);
}

// Half of a surrogate pair would not come back from the database as it was typed.
const clean = (value: string): string => value.toWellFormed().replaceAll('\0', '');
