import { memo } from 'react';
import type { FormData } from '../../contract/form';
import { isTextKey, useText, type Translate } from '../i18n';
import { editForm } from '../state/shots';
import { Field, fieldId, noteId } from './field';

type Name = 'duration_s' | 'aspect_ratio' | 'model' | 'resolution' | 'start' | 'end';

type Props = {
  shotId: string;
  name: Name;
  value: FormData[Name];
  /** What can be chosen; a stored value beyond it stays visible. */
  offered: readonly FormData[Name][];
  /** What is wrong with the value. */
  wrong?: string;
  /** What else is to be said about it. */
  note?: string;
};

/** A choice among what the model, or its provider, offers. */
export const SelectField = memo(function SelectField({ shotId, name, value, offered, wrong, note }: Props) {
  const text = useText();
  const all = offered.includes(value) ? offered : [...offered, value];
  const choose = (chosen: string) => editForm(shotId, { [name]: all.find((one) => String(one) === chosen) });
  return (
    <Field name={name} note={wrong ?? note} isWrong={wrong !== undefined}>
      <select
        id={fieldId(name)}
        aria-invalid={wrong !== undefined}
        aria-describedby={(wrong ?? note) && noteId(name)}
        value={String(value)}
        onChange={({ target }) => choose(target.value)}
      >
        {all.map((one) => (
          <option key={one} value={String(one)}>
            {wordOf(text, name, one)}
          </option>
        ))}
      </select>
    </Field>
  );
});

function wordOf(text: Translate, name: Name, value: FormData[Name]): string {
  if (name === 'duration_s') return text('common.seconds', { count: value });
  const key = `form.${name}.${value}`;
  return isTextKey(key) ? text(key) : String(value) || text('form.anyWord');
}
