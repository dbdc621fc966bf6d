import type { FormData } from '../../contract/form';
import { formElsewhere, modelOf } from '../../contract/model-choice';
import type { Provider } from './providers';

type Choice = Pick<FormData, 'provider' | 'model' | 'resolution' | 'audio'>;

/** What a form becomes at another provider: its model means nothing there, and the rest stays where the new model has it. */
export function atProvider(form: FormData, name: string, provider: Provider | undefined): Choice {
  const { model, resolution, audio } = provider
    ? formElsewhere(provider, form)
    : { ...form, model: '', resolution: '' };
  const isOffered = provider && modelOf(provider, { ...form, model })?.resolutions.includes(form.resolution);
  return { provider: name, model, resolution: isOffered ? form.resolution : resolution, audio };
}

/** What a new shot takes over from the one before it. */
export const inherited = ({ provider, model, resolution, audio }: FormData): Choice => ({
  provider,
  model,
  resolution,
  audio,
});
