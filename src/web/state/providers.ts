import { faultsOf, modelOf, resolutionOf, type FormFault } from '../../contract/model-choice';
import type { FormData } from '../../contract/form';
import type { ModelOption } from '../../contract/options';
import { isTextKey } from '../i18n';
import { say } from './notices';
import type { AppState } from './store';

type WithOptions = Pick<AppState, 'options'>;
export type Provider = NonNullable<AppState['options']>['video_providers'][number];

/** What of a form cannot be made, with the model that is asked for it and one of the same provider that can make the whole. */
export type Fault = FormFault & {
  model?: string;
  other?: string;
  /** The resolution of the form, where the model has it but not with the sound of the form. */
  pairedWith?: string;
};

/** The provider that a form means; undefined if the server has none with that name, or has not told yet. */
export function providerOf({ options }: WithOptions, { provider: name }: Pick<FormData, 'provider'>) {
  const all = options?.video_providers ?? [];
  return name ? all.find((provider) => provider.name === name) : (all.find((provider) => provider.default) ?? all[0]);
}

/** The model that a form means; undefined if there is none with that name, or the server has not told yet. */
export function chosenModel(state: WithOptions, form: FormData): ModelOption | undefined {
  const provider = providerOf(state, form);
  return provider && modelOf(provider, form);
}

/** Everything that the server would refuse about a form, so that it can be said before the click. */
export function formFaults(state: WithOptions, form: FormData): Fault[] {
  if (!state.options) return [];
  const provider = providerOf(state, form);
  if (!provider) return [{ field: 'provider', rule: 'not_offered' }];
  const model = modelOf(provider, form);
  if (!model) return [{ field: 'model', rule: 'not_offered' }];
  const several = provider.models.length > 1;
  const other = provider.models.find((one) => faultsOf(one, form).length === 0);
  return faultsOf(model, form).map((fault) => ({
    ...fault,
    ...(several && { model: model.id, other: other?.id }),
    pairedWith: pairedResolution(model, form, fault),
  }));
}

function pairedResolution(model: ModelOption, form: FormData, { field }: FormFault): string | undefined {
  const resolution = resolutionOf(model, form) ?? '';
  const isOfPair = model.audio !== 'never' && (field === 'resolution' || field === 'audio');
  return isOfPair && model.resolutions.includes(resolution) ? resolution : undefined;
}

/** A provider's name as people write it in the language of the page. */
export function displayName(name: string | null | undefined): string {
  const key = `provider.${name ?? ''}`;
  if (isTextKey(key)) return say(key);
  return (name ?? '').replace(/^./, (letter) => letter.toUpperCase());
}

/** The provider that needs no account and no network: it moves the picture, makes nothing new and costs nothing. */
export const movesPictureOnly = (name: string | null | undefined): boolean => name === 'local';
