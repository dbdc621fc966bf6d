import { memo } from 'react';
import type { FormData } from '../../contract/form';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { Field, fieldId } from './field';

type Props = {
  shotId: string;
  name: 'duration_s' | 'aspect_ratio';
  value: FormData['duration_s' | 'aspect_ratio'];
  /** What the provider can; a stored value beyond it stays visible. */
  offered: readonly FormData['duration_s' | 'aspect_ratio'][];
  provider: string;
};

/** A choice among what the provider offers. */
export const SelectField = memo(function SelectField({ shotId, name, value, offered, provider }: Props) {
  const text = useText();
  const isOffered = offered.includes(value);
  const all = isOffered ? offered : [...offered, value];
  const choose = (chosen: string) => editForm(shotId, { [name]: all.find((one) => String(one) === chosen) });
  return (
    <Field name={name} note={isOffered ? undefined : text('form.notOffered', { provider })} isWrong>
      <select id={fieldId(name)} value={String(value)} onChange={({ target }) => choose(target.value)}>
        {all.map((one) => (
          <option key={one} value={String(one)}>
            {name === 'duration_s' ? text('common.seconds', { count: one }) : one}
          </option>
        ))}
      </select>
    </Field>
  );
});
