import { useMemo } from 'react';
import type { FormData } from '../../contract/form';
import { resolutionOf } from '../../contract/model-choice';
import { useText } from '../i18n';
import { chosenModel, providerOf } from '../state/providers';
import { useStore } from '../state/store';
import styles from './form.module.css';
import { ProviderField } from './provider-field';
import { SelectField } from './select-field';
import { SoundField } from './sound-field';

type Props = {
  shotId: string;
  form: FormData;
  /** What is wrong with a field, in words. */
  wrongOf: (field: keyof FormData) => string | undefined;
};

const noResolution = [''];

/** Who makes the clip and how: only what can be chosen there, and values that cannot be made. */
export function ModelFields({ shotId, form, wrongOf }: Props) {
  const text = useText();
  const provider = useStore((state) => providerOf(state, form));
  const model = useStore((state) => chosenModel(state, form));
  const models = useMemo(() => provider?.models.map(({ id }) => id) ?? [], [provider]);
  const resolutions = model?.resolutions.length ? model.resolutions : noResolution;
  const wrong = { model: wrongOf('model'), resolution: wrongOf('resolution'), audio: wrongOf('audio') };
  const hasResolution = resolutions.length > 1 || wrong.resolution !== undefined;
  const hasSwitch = model?.audio === 'switch' || wrong.audio !== undefined;

  return (
    <>
      <div className={styles.row}>
        <ProviderField shotId={shotId} chosen={provider?.name ?? form.provider} wrong={wrongOf('provider')} />
        {(models.length > 1 || wrong.model) && (
          <SelectField
            shotId={shotId}
            name="model"
            value={form.model || (provider?.default_model ?? '')}
            offered={models}
            wrong={wrong.model}
          />
        )}
      </div>
      {(hasResolution || hasSwitch) && (
        <div className={styles.row}>
          {hasResolution && (
            <SelectField
              shotId={shotId}
              name="resolution"
              value={(model && resolutionOf(model, form)) ?? form.resolution}
              offered={resolutions}
              wrong={wrong.resolution}
            />
          )}
          {hasSwitch && <SoundField shotId={shotId} value={form.audio} wrong={wrong.audio} />}
        </div>
      )}
      {model?.audio === 'always' && <p className={styles.mark}>{text('form.hasSound')}</p>}
    </>
  );
}
