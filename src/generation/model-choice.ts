import { config } from '../config';
import type { Meaning } from '../contract/continuity';
import type { FormData } from '../contract/form';
import { faultsOf, formElsewhere, hasAudio, modelOf, resolutionOf, type FormFault } from '../contract/model-choice';
import { promptTooLong } from '../prompts/compose-prompt';
import type { VideoModel, VideoProvider } from '../services/provider';
import { providerTitle } from '../services/provider-errors';
import { allVideoProviders, videoProvider } from '../services/providers';
import { AppError } from '../utils/errors';

/** What a click makes, with everything that its form leaves open. */
export type Choice = {
  provider: VideoProvider;
  model: VideoModel;
  /** The form as it holds at this provider. */
  form: FormData;
  resolution: string | null;
  audio: boolean;
};

/**
 * The provider and the model that a click on a form means; `providerName` wins over the form's. Throws INVALID_INPUT, with the field,
 * for anything that they cannot make, and PROVIDER_NOT_CONFIGURED for a provider without its key.
 */
export function chooseModel(stored: FormData, providerName?: string): Choice {
  const own = stored.provider || config.VIDEO_PROVIDER;
  const provider = videoProvider(providerName ?? own, providerName === undefined ? 'form_data.provider' : 'provider');
  const form = provider.name === own ? stored : formElsewhere(provider, stored);
  const model = modelOf(provider, form);
  if (!model) throw unknownModel(provider, form);
  const [fault] = allFaults(model, form);
  if (fault) throw cannotMake(provider, form, fault);
  return { provider, model, form, resolution: resolutionOf(model, form), audio: hasAudio(model, form) };
}

/** What the empty names of a form stand for. */
export function meaningOf(form: FormData): Meaning {
  const name = form.provider || config.VIDEO_PROVIDER;
  const provider = allVideoProviders().find((one) => one.name === name);
  const resolution = provider && modelOf(provider, form)?.default_resolution;
  return { provider: name, model: provider?.default_model, resolution };
}

/** The provider and the model that advice is for: those of the form, else the default ones. */
export function modelToAdvise(form: FormData): { name: string; model: VideoModel } {
  const provider = readyOrDefault(form.provider);
  const model = modelOf(provider, form) ?? modelOf(provider, { ...form, model: '' })!;
  return { name: provider.name, model };
}

function readyOrDefault(name: string): VideoProvider {
  try {
    return videoProvider(name || undefined);
  } catch {
    return videoProvider();
  }
}

function allFaults(model: VideoModel, form: FormData): FormFault[] {
  const faults = faultsOf({ ...model, end_image: model.end_image || model.end_image_elsewhere === true }, form);
  const ofTwo = faults.length === 0 ? model.fault?.(form) : null;
  return ofTwo ? [...faults, ofTwo] : faults;
}

function unknownModel({ name, models }: VideoProvider, form: FormData): AppError {
  const message = `must be one of ${models.map(({ id }) => id).join(', ')}`;
  return new AppError('INVALID_INPUT', `${providerTitle(name)} has no model "${form.model}": it ${message}.`, {
    details: [{ path: 'form_data.model', message, rule: 'not_offered' }],
  });
}

function cannotMake(provider: VideoProvider, form: FormData, fault: FormFault): AppError {
  const { field, rule, limit } = fault;
  const other = modelThatCan(provider, form, fault);
  const message = `${sentenceOf(fault, form)}${other ? `; the model ${other.id} can make it` : ''}`;
  const details = [{ path: `form_data.${field}`, message, rule, ...(limit !== undefined && { limit }) }];
  const title = providerTitle(provider.name);
  return new AppError('INVALID_INPUT', `${title} cannot make this video: ${field} ${message}.`, { details });
}

/** A model of the provider that can make the whole form, else one that can do what this one cannot. */
function modelThatCan({ models }: VideoProvider, form: FormData, { field }: FormFault): VideoModel | undefined {
  const faultsIn = (model: VideoModel) => allFaults(model, { ...form, model: model.id });
  return (
    models.find((model) => faultsIn(model).length === 0) ??
    models.find((model) => faultsIn(model).every((fault) => fault.field !== field))
  );
}

function sentenceOf({ field, rule, limit, offered, beside }: FormFault, form: FormData): string {
  if (field === 'end') return 'must be none, as this model takes no end frame';
  if (rule === 'required') return 'must not be empty';
  if (rule === 'too_long') return promptTooLong(form.prompt, limit!)!;
  const together = beside ? ` with ${besides[beside]}` : '';
  if (offered && offered.length > 0) return `must be one of ${offered.join(', ')}${together}`;
  if (field === 'audio') return `must be false${together || ', as this model makes no sound'}`;
  return 'must be empty, as this model offers none';
}

const besides = { audio: 'sound', end: 'an end frame' };
