import { config } from '../config';
import { modelOption, options, type ModelOption } from '../contract/options';
import { allLlmProviders, allVideoProviders, notReadyReason } from '../services/providers';
import { cameraMovements, lightings, shotSizes } from '../prompts/vocabulary';
import { defineEndpoint } from '../utils/endpoint';
import type { LlmProvider, VideoModel, VideoProvider } from '../services/provider';

type Word = { id: string; en: string; zh: string };

/** What the form can offer: the vocabulary, and the providers with their limits. */
export const getOptions = defineEndpoint({
  method: 'get',
  path: '/api/options',
  summary: 'Lists camera movements, shot sizes, lightings, and the providers with their limits.',
  reply: options,
  errors: [],
  handle: async () => ({
    camera_movements: cameraMovements.map(toWord),
    shot_sizes: shotSizes.map(toWord),
    lightings: lightings.map(toWord),
    video_providers: allVideoProviders().map(toVideoOption),
    llm_providers: allLlmProviders().map((provider) => toOption(provider, config.LLM_PROVIDER, provider.model)),
  }),
});

const toWord = ({ id, en, zh }: Word): Word => ({ id, en, zh });

function toOption(
  provider: LlmProvider | VideoProvider,
  defaultName: string,
  model: string,
  problem: string | null = null,
) {
  const reason = notReadyReason(provider) ?? problem;
  return {
    name: provider.name,
    ready: reason === null,
    ...(reason && { reason }),
    default: provider.name === defaultName,
    model,
  };
}

function toVideoOption(provider: VideoProvider) {
  const { default_model: defaultModel, models, cancel } = provider;
  const { durations_s, aspect_ratios, prompt_max, prompt_required, negative_prompt, seed } = models.find(
    ({ id }) => id === defaultModel,
  )!;
  return {
    ...toOption(provider, config.VIDEO_PROVIDER, defaultModel, provider.problem?.()),
    durations_s,
    aspect_ratios,
    prompt_max,
    prompt_required,
    negative_prompt,
    seed,
    cancel: cancel !== undefined,
    default_model: defaultModel,
    models: models.map(toModelOption),
  };
}

/** The public keys of a model, without what only its provider file reads. */
const toModelOption = (model: VideoModel): ModelOption =>
  Object.fromEntries(modelKeys.map((key) => [key, model[key]])) as ModelOption;

const modelKeys = Object.keys(modelOption.shape) as (keyof ModelOption)[];
