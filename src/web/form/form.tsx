import type { FormData } from '../../contract/form';
import {
  aspectRatios,
  captionMaxCharacters,
  durationMaxS,
  durationMinS,
  negativePromptMaxCharacters,
  promptMaxCharacters,
} from '../../contract/limits';
import { faultText } from '../generate/refusal';
import { clipOf } from '../../contract/continuity';
import { useText } from '../i18n';
import { chosenModel, displayName, formFaults, providerOf } from '../state/providers';
import { useSelected, useStore } from '../state/store';
import { Panel } from '../ui/panel';
import { Chooser } from './chooser';
import { ContinuityFields } from './continuity-fields';
import styles from './form.module.css';
import { ModelFields } from './model-fields';
import { SeedField } from './seed-field';
import { SelectField } from './select-field';
import { TextField } from './text-field';
import { VolumeField } from './volume-field';

const anyDurations = Array.from({ length: durationMaxS - durationMinS + 1 }, (_, index) => durationMinS + index);

/** The form of the chosen shot; every change is kept at once. */
export function Form() {
  const text = useText();
  const workspace = useSelected();
  const options = useStore((state) => state.options);
  if (!workspace) return <Panel label={text('form.name')} className={styles.form} />;

  const { _id: id, form_data: form, image_url: picture } = workspace;
  const clip = clipOf(workspace);
  const provider = providerOf({ options }, form);
  const model = chosenModel({ options }, form);
  const name = displayName(provider?.name);
  const limit = model?.prompt_max ?? promptMaxCharacters;
  const faults = formFaults({ options }, form);
  const needed = faults.find(({ field, rule }) => field === 'prompt' && rule === 'required');
  const wrongOf = (field: keyof FormData) => {
    const fault = faults.find((one) => one.field === field);
    return fault && faultText(text, fault, provider?.name ?? form.provider);
  };
  const unused = text('form.unused', { provider: name });

  return (
    <Panel label={text('form.name')} className={styles.form} key={id}>
      <h2>{text('form.name')}</h2>
      <Chooser
        shotId={id}
        name="camera_movement"
        vocabulary="camera_movements"
        value={form.camera_movement}
        picture={picture}
      />
      <div className={styles.row}>
        <Chooser shotId={id} name="shot_size" vocabulary="shot_sizes" value={form.shot_size} />
        <Chooser shotId={id} name="lighting" vocabulary="lightings" value={form.lighting} />
      </div>
      <TextField
        shotId={id}
        name="prompt"
        value={form.prompt}
        placeholder={text('form.promptHint')}
        storedMax={promptMaxCharacters}
        limit={limit}
        tooLong={wrongOf('prompt') ?? ''}
        isNeeded={needed !== undefined}
        note={needed && faultText(text, needed, provider?.name)}
      />
      <TextField
        shotId={id}
        name="negative_prompt"
        value={form.negative_prompt}
        placeholder={text('form.negativeHint')}
        storedMax={negativePromptMaxCharacters}
        limit={negativePromptMaxCharacters}
        tooLong=""
        note={model && !model.negative_prompt ? unused : undefined}
      />
      <ContinuityFields shot={workspace} wrongOf={wrongOf} />
      <div className={styles.row}>
        <SelectField
          shotId={id}
          name="duration_s"
          value={form.duration_s}
          offered={model?.durations_s ?? anyDurations}
          wrong={wrongOf('duration_s')}
        />
        <SelectField
          shotId={id}
          name="aspect_ratio"
          value={form.aspect_ratio}
          offered={model?.aspect_ratios ?? aspectRatios}
          wrong={wrongOf('aspect_ratio')}
        />
      </div>
      <ModelFields shotId={id} form={form} wrongOf={wrongOf} />
      <SeedField shotId={id} value={form.seed} note={model && !model.seed ? unused : undefined} />
      <TextField
        shotId={id}
        name="caption"
        value={workspace.cut.caption}
        placeholder={text('form.captionHint')}
        storedMax={captionMaxCharacters}
        limit={captionMaxCharacters}
        tooLong=""
      />
      {clip && <VolumeField shotId={id} value={workspace.cut.volume} isSilent={clip.has_audio === false} />}
    </Panel>
  );
}
