import type { FormData } from '../../contract/form';
import { promptMax } from '../defaults';
import { useText } from '../i18n';
import { faultsOf, faultText } from '../refusal';
import { displayName, providerOf } from '../state/providers';
import { useSelected, useStore } from '../state/store';
import { Chooser } from './chooser';
import { ProviderField } from './provider-field';
import { SeedField } from './seed-field';
import { SelectField } from './select-field';
import { TextField } from './text-field';

const negativePromptMax = 1000;
const anyDurations = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const anyRatios: FormData['aspect_ratio'][] = ['16:9', '9:16', '1:1', '4:3', '3:4', '21:9'];

/** The form of the chosen shot; every change is kept at once. */
export function Form() {
  const text = useText();
  const workspace = useSelected();
  const provider = useStore((state) => (state.selectedId ? providerOf(state, state.selectedId) : undefined));
  if (!workspace) return <section className="panel form" aria-label={text('form.name')} />;

  const { _id: id, form_data: form, image_url: picture } = workspace;
  const name = displayName(provider?.name);
  const limit = provider?.prompt_max ?? promptMax;
  const needed = faultsOf(form, provider).find(({ field, rule }) => field === 'prompt' && rule === 'required');
  const unused = text('form.unused', { provider: name });

  return (
    <section className="panel form" aria-label={text('form.name')} key={id}>
      <h2>{text('form.name')}</h2>
      <Chooser
        shotId={id}
        name="camera_movement"
        vocabulary="camera_movements"
        value={form.camera_movement}
        picture={picture}
      />
      <div className="field-row">
        <Chooser shotId={id} name="shot_size" vocabulary="shot_sizes" value={form.shot_size} />
        <Chooser shotId={id} name="lighting" vocabulary="lightings" value={form.lighting} />
      </div>
      <TextField
        shotId={id}
        name="prompt"
        value={form.prompt}
        placeholder={text('form.promptHint')}
        storedMax={promptMax}
        limit={limit}
        tooLong={text('form.tooLong', { provider: name, count: limit })}
        isNeeded={needed !== undefined}
        note={needed && faultText(text, needed, provider?.name)}
      />
      <TextField
        shotId={id}
        name="negative_prompt"
        value={form.negative_prompt}
        placeholder={text('form.negativeHint')}
        storedMax={negativePromptMax}
        limit={negativePromptMax}
        tooLong=""
        note={provider && !provider.negative_prompt ? unused : undefined}
      />
      <div className="field-row">
        <SelectField
          shotId={id}
          name="duration_s"
          value={form.duration_s}
          offered={provider?.durations_s ?? anyDurations}
          provider={name}
        />
        <SelectField
          shotId={id}
          name="aspect_ratio"
          value={form.aspect_ratio}
          offered={provider?.aspect_ratios ?? anyRatios}
          provider={name}
        />
      </div>
      <div className="field-row">
        <SeedField shotId={id} value={form.seed} note={provider && !provider.seed ? unused : undefined} />
        <ProviderField id={id} chosen={provider?.name ?? ''} />
      </div>
    </section>
  );
}
