import { memo } from 'react';
import { seedMax } from '../../contract/limits';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { Field, fieldId } from './field';

type Props = { shotId: string; value: number | null; note?: string };

/** A whole number that makes a generation repeatable; empty for another one each time. */
export const SeedField = memo(function SeedField({ shotId, value, note }: Props) {
  const text = useText();
  const take = (typed: string) => {
    const digits = typed.replace(/\D/g, '');
    editForm(shotId, { seed: digits === '' ? null : Math.min(Number(digits), seedMax) });
  };
  return (
    <Field name="seed" note={note}>
      <input
        id={fieldId('seed')}
        data-of-film
        inputMode="numeric"
        autoComplete="off"
        placeholder={text('form.seedHint')}
        value={value ?? ''}
        onChange={({ target }) => take(target.value)}
      />
    </Field>
  );
});
