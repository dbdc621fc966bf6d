import { z } from 'zod';
import type { Settings } from '../config';
import { nameMaxCharacters } from '../contract/limits';
import type { Submitted, VideoModel } from './provider';

const entryPattern = new RegExp(`^([\\w.-]{1,${nameMaxCharacters}}):([\\w.-]+)$`);

/** A setting `*_EXTRA_MODELS`: a comma list of `new-name:known-name`. */
export const extraModels = z
  .string()
  .transform((value) => value.split(',').map((entry) => entry.trim()))
  .refine(
    (entries) => entries.every((entry) => entryPattern.test(entry)),
    'must be a comma list such as new-name:known-name',
  )
  .transform((entries) => entries.map((entry) => entryPattern.exec(entry)!.slice(1) as [id: string, known: string]))
  .default([]);

/**
 * The models that a provider offers: its table, and each model of `*_EXTRA_MODELS` treated like the known one, but without a price.
 * A name that the table has by now is left to the table. A name that it does not have, where one is needed, becomes a problem of the
 * settings, which ends the start.
 */
export function offerModels<Model extends VideoModel>(
  prefix: string,
  table: Model[],
  { problems }: Pick<Settings, 'problems'>,
  { extra, defaultModel }: { extra: [id: string, known: string][]; defaultModel: string },
): { models: Model[]; default_model: string } {
  const models = [...table];
  const modelOf = (id: string) => models.find((model) => model.id === id);
  const report = (variable: string, id: string, known: Model[]) =>
    problems.push({
      variable: `${prefix}_${variable}`,
      message: `names "${id}", which is not a model here; choose one of ${known.map((model) => model.id).join(', ')}`,
    });
  for (const [id, known] of extra) {
    const like = table.find((model) => model.id === known);
    if (!like) report('EXTRA_MODELS', known, table);
    else if (!modelOf(id)) models.push({ ...like, id, prices: [], priced_on: null });
  }
  if (modelOf(defaultModel)) return { models, default_model: defaultModel };
  report('MODEL', defaultModel, models);
  return { models, default_model: table[0]!.id };
}

/** The answer to a job whose model is not offered any more, such as one that was removed from `*_EXTRA_MODELS`. */
export const modelIsGone = (id: string): Submitted => ({
  state: 'refused',
  code: 'PROVIDER_NOT_CONFIGURED',
  reason: `there is no model ${id} here any more`,
});
