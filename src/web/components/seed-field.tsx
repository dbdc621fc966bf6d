import { useText } from '../i18n';
import { Field, fieldId } from './field';

const maxSeed = 4294967295;

type Props = { value: number | null; note?: string; onChange: (value: number | null) => void };

/** A whole number that makes a generation repeatable; empty for another one each time. */
export function SeedField({ value, note, onChange }: Props) {
  const text = useText();
  const take = (typed: string) => {
    const digits = typed.replace(/\D/g, '');
    onChange(digits === '' ? null : Math.min(Number(digits), maxSeed));
  };
  return (
    <Field name="seed" note={note}>
      <input
        id={fieldId('seed')}
        inputMode="numeric"
        autoComplete="off"
        placeholder={text('form.seedHint')}
        value={value ?? ''}
        onChange={({ target }) => take(target.value)}
      />
    </Field>
  );
}
