// No zod here, so that the browser can import these functions without loading it.

import type { FormData } from './form';
import type { Money } from './money';
import type { ModelOption, Options } from './options';

/** What a model cannot do of a form. */
export type FormFault = {
  field: keyof FormData;
  rule: 'required' | 'too_long' | 'not_offered';
  /** The longest prompt in characters. */
  limit?: number;
  /** What the model offers instead. */
  offered?: readonly (string | number)[];
  /** The field with which this one does not go together. */
  beside?: 'audio' | 'end';
};

type Models<Model extends ModelOption> = Pick<Options['video_providers'][number], 'default_model'> & {
  models: readonly Model[];
};

/** The model that a form means at its provider; undefined if the provider has none with that name. */
export function modelOf<Model extends ModelOption>(provider: Models<Model>, form: FormData): Model | undefined {
  const id = form.model || provider.default_model;
  return provider.models.find((model) => model.id === id);
}

/** The form at another provider than its own, where its model and resolution mean nothing. */
export function formElsewhere(provider: Models<ModelOption>, form: FormData): FormData {
  const there = { ...form, model: '', resolution: '' };
  return modelOf(provider, there)?.audio === 'never' ? { ...there, audio: false } : there;
}

/** The resolution that a form means at a model; null where the model has no choice. */
export const resolutionOf = ({ default_resolution: own }: ModelOption, form: FormData): string | null =>
  form.resolution || own;

/** Whether a model makes sound for a form. */
export const hasAudio = ({ audio }: ModelOption, form: FormData): boolean =>
  audio === 'always' || (audio === 'switch' && form.audio);

/** Everything of a form that a model cannot do. */
export function faultsOf(model: ModelOption, form: FormData): FormFault[] {
  const faults: FormFault[] = [];
  const offer = (field: keyof FormData, offered: FormFault['offered']) =>
    faults.push({ field, rule: 'not_offered', offered });
  if (!model.durations_s.includes(form.duration_s)) offer('duration_s', model.durations_s);
  if (!model.aspect_ratios.includes(form.aspect_ratio)) offer('aspect_ratio', model.aspect_ratios);
  if (form.resolution && !model.resolutions.includes(form.resolution)) offer('resolution', model.resolutions);
  if (form.audio && model.audio === 'never') offer('audio', undefined);
  if (form.end !== 'none' && !model.end_image) offer('end', undefined);
  if (form.prompt.length > model.prompt_max) {
    faults.push({ field: 'prompt', rule: 'too_long', limit: model.prompt_max });
  }
  const words = [form.prompt, form.camera_movement, form.shot_size, form.lighting];
  if (model.prompt_required && words.every((word) => word.trim() === '')) {
    faults.push({ field: 'prompt', rule: 'required' });
  }
  const pair = faults.length === 0 ? faultOfPair(model, form) : null;
  return pair ? [...faults, pair] : faults;
}

/** A resolution that a model makes, but not with the sound of the form: its table of prices has no row for the two together. */
function faultOfPair(model: ModelOption, form: FormData): FormFault | null {
  if (model.prices.length === 0 || priceOf(model, form)) return null;
  const offered = model.resolutions.filter((resolution) => priceOf(model, { ...form, resolution }));
  return { field: 'resolution', rule: 'not_offered', offered };
}

/** What a form costs at a model by its table of prices; null if that is not known. */
export function priceOf(model: ModelOption, form: FormData): Money | null {
  const resolution = resolutionOf(model, form);
  const audio = hasAudio(model, form);
  const price = model.prices.find(
    (candidate) =>
      (candidate.resolution === null || candidate.resolution === resolution) &&
      (candidate.audio === null || candidate.audio === audio),
  );
  if (!price) return null;
  const micros = Math.max(price.micros_per_s * form.duration_s, price.min_micros ?? 0);
  return { currency: price.currency, micros };
}
