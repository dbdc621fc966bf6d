import { useState } from 'react';
import { EditedElsewhere } from '../form/edited-elsewhere';
import { fieldId } from '../form/field';
import { keyOf } from '../form/field-name';
import { useText } from '../i18n';
import { edit } from '../state/shots';
import styles from './cut-bar.module.css';

type Props = { shotId: string; name: 'in_s' | 'out_s'; value: number | null; placeholder?: string };

/** A time in a clip, typed in seconds; an empty one is the beginning, or the end. */
export function CutTimeField({ shotId, name, value, placeholder }: Props) {
  const text = useText();
  const [typed, setTyped] = useState<string | null>(null);
  const empty = name === 'in_s' ? 0 : null;
  const read = (words: string): number | null => (/\d/.test(words) ? toSeconds(words) : empty);
  const shown = typed !== null && read(typed) === value ? typed : String(value ?? '');
  const take = (words: string) => {
    const number = words.replace(/[^\d.,]/g, '');
    setTyped(number);
    edit(shotId, { [keyOf(name)]: read(number) });
  };
  return (
    <div className={styles.field}>
      <label htmlFor={fieldId(name)}>{text(`form.${name}`)}</label>
      <input
        id={fieldId(name)}
        data-of-film
        inputMode="decimal"
        autoComplete="off"
        placeholder={placeholder}
        value={shown}
        onChange={({ target }) => take(target.value)}
        onBlur={() => setTyped(null)}
      />
      <EditedElsewhere field={keyOf(name)} />
    </div>
  );
}

/** Seconds to the millisecond, with a point or a comma. */
const toSeconds = (words: string): number => Math.round(parseFloat(words.replace(',', '.')) * 1000) / 1000;
