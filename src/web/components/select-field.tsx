import { useText } from '../i18n';
import { Field, fieldId, type FieldName } from './field';

type Props<Value> = {
  name: FieldName;
  value: Value;
  /** What the provider can; a stored value beyond it stays visible. */
  offered: readonly Value[];
  label: (value: Value) => string;
  provider: string;
  onChange: (value: Value) => void;
};

/** A choice among what the provider offers. */
export function SelectField<Value extends string | number>(props: Props<Value>) {
  const { name, value, offered, label, provider, onChange } = props;
  const text = useText();
  const isOffered = offered.includes(value);
  const all = isOffered ? offered : [...offered, value];
  return (
    <Field name={name} note={isOffered ? undefined : text('form.notOffered', { provider })} isWrong>
      <select
        id={fieldId(name)}
        value={String(value)}
        onChange={({ target }) => onChange(all.find((one) => String(one) === target.value) ?? value)}
      >
        {all.map((one) => (
          <option key={one} value={String(one)}>
            {label(one)}
          </option>
        ))}
      </select>
    </Field>
  );
}
