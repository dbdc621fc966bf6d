import { config } from '../config';
import { options } from '../contract/options';
import { allLlmProviders, allVideoProviders, notReadyReason } from '../services/providers';
import { cameraMovements, lightings, shotSizes } from '../prompts/vocabulary';
import { defineEndpoint } from '../utils/endpoint';
import type { LlmProvider, VideoProvider } from '../services/provider';

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
    llm_providers: allLlmProviders().map((provider) => toOption(provider, config.LLM_PROVIDER)),
  }),
});

const toWord = ({ id, en, zh }: Word): Word => ({ id, en, zh });

function toOption(provider: LlmProvider | VideoProvider, defaultName: string, problem: string | null = null) {
  const reason = notReadyReason(provider) ?? problem;
  return {
    name: provider.name,
    ready: reason === null,
    ...(reason && { reason }),
    default: provider.name === defaultName,
    model: provider.model,
  };
}

function toVideoOption(provider: VideoProvider) {
  const { cancel, durations_s, aspect_ratios, prompt_max, prompt_required, negative_prompt, seed } =
    provider.capabilities;
  return {
    ...toOption(provider, config.VIDEO_PROVIDER, provider.problem?.()),
    durations_s,
    aspect_ratios,
    prompt_max,
    prompt_required,
    negative_prompt,
    seed,
    cancel,
  };
}
