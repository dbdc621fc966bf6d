import { memo } from 'react';
import { useText } from '../i18n';
import { chooseProviders, displayName, movesPictureOnly } from '../state/providers';
import { useStore } from '../state/store';
import { Field, fieldId } from './field';

/** Who makes the next clip of this shot. */
export const ProviderField = memo(function ProviderField({ id, chosen }: { id: string; chosen: string }) {
  const text = useText();
  const providers = useStore((state) => state.options?.video_providers);
  return (
    <Field name="provider" note={movesPictureOnly(chosen) ? text('form.movesPicture') : undefined}>
      <select
        id={fieldId('provider')}
        value={chosen}
        onChange={({ target }) => chooseProviders({ [id]: target.value })}
      >
        {(providers ?? []).map(({ name, ready, default: isDefault }) => (
          <option key={name} value={name} disabled={!ready}>
            {displayName(name)}
            {isDefault && ` (${text('form.isDefault')})`}
            {!ready && ` (${text('form.notReady')})`}
          </option>
        ))}
      </select>
    </Field>
  );
});
