import { memo } from 'react';
import { useText } from '../i18n';
import { atProvider } from '../state/inherited-form';
import { displayName, movesPictureOnly } from '../state/providers';
import { editForm } from '../state/shots';
import { getState, useStore } from '../state/store';
import { Field, fieldId, noteId } from './field';

type Props = {
  shotId: string;
  /** The name of the provider that the form means, which may be one that the server does not have. */
  chosen: string;
  wrong?: string;
};

/** Who makes the next clip of this shot. */
export const ProviderField = memo(function ProviderField({ shotId, chosen, wrong }: Props) {
  const text = useText();
  const providers = useStore((state) => state.options?.video_providers) ?? [];
  const isKnown = providers.some(({ name }) => name === chosen);
  const choose = (name: string) => {
    const form = getState().byId[shotId]?.form_data;
    const provider = providers.find((one) => one.name === name);
    if (form) editForm(shotId, atProvider(form, name, provider));
  };
  const note = movesPictureOnly(chosen) ? text('form.movesPicture') : undefined;
  return (
    <Field name="provider" note={wrong ?? note} isWrong={wrong !== undefined}>
      <select
        id={fieldId('provider')}
        aria-describedby={(wrong ?? note) && noteId('provider')}
        value={chosen}
        onChange={({ target }) => choose(target.value)}
      >
        {!isKnown && <option value={chosen}>{displayName(chosen)}</option>}
        {providers.map(({ name, ready, default: isDefault }) => (
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
