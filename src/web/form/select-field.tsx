import { memo } from 'react';
import type { FormData } from '../../contract/form';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { Field, fieldId, noteId } from './field';

type Name = 'duration_s' | 'aspect_ratio' | 'model' | 'resolution';

type Props = {
  shotId: string;
  name: Name;
  value: FormData[Name];
  /** What can be chosen; a stored value beyond it stays visible. */
  offered: readonly FormData[Name][];
  /** What is wrong with the value. */
  wrong?: string;
};

/** A choice among what the model, or its provider, offers. */
export const SelectField = memo(function SelectField({ shotId, name, value, offered, wrong }: Props) {
  const text = useText();
  const all = offered.includes(value) ? offered : [...offered, value];
  const choose = (chosen: string) => editForm(shotId, { [name]: all.find((one) => String(one) === chosen) });
  return (
    <Field name={name} note={wrong} isWrong={wrong !== undefined}>
      <select
        id={fieldId(name)}
        aria-invalid={wrong !== undefined}
        aria-describedby={wrong && noteId(name)}
        value={String(value)}
        onChange={({ target }) => choose(target.value)}
      >
        {all.map((one) => (
          <option key={one} value={String(one)}>
            {name === 'duration_s' ? text('common.seconds', { count: one }) : one || text('form.anyWord')}
          </option>
        ))}
      </select>
    </Field>
  );
});
