// What Pika's own models of image to video take and cost, as the catalog records of the vendor have it (P1).

import type { FormData } from '../contract/form';
import { aspectRatios } from '../contract/limits';
import type { FormFault } from '../contract/model-choice';
import type { Price } from '../contract/options';
import type { VideoJob, VideoModel } from './provider';
import { composePrompt } from '../prompts/compose-prompt';

/** A model, and how its body names the pictures and the length. */
export type PikaModel = VideoModel & {
  pictures: (links: string[], seconds: number) => object;
};

const price = (usdPerS: number, resolution: string): Price => ({
  resolution,
  audio: null,
  currency: 'USD',
  micros_per_s: Math.round(usdPerS * 1_000_000),
});

const every = {
  // The video has the ratio of the picture, which is cropped to the requested ratio.
  aspect_ratios: [...aspectRatios],
  resolutions: ['720p', '1080p'],
  default_resolution: '720p',
  audio: 'never',
  // The vendor documents no limit; this one is ours.
  prompt_max: 2500,
  prompt_required: false,
  negative_prompt: true,
  seed: true,
  priced_on: '2026-10-02',
} satisfies Partial<PikaModel>;

/** The models, the first by default. */
export const pikaModels: PikaModel[] = [
  {
    ...every,
    id: 'pika-2.5',
    durations_s: [5, 10],
    end_image: false,
    // At 1080p, a clip of 5 s costs 0.09 USD a second.
    prices: [price(0.04, '720p'), { ...price(0.06, '1080p'), min_micros: 450_000 }],
    pictures: ([image], seconds) => ({ image, duration_s: seconds }),
  },
  {
    ...every,
    id: 'pikaframes',
    // Two keyframes are one transition, of 1 to 10 s.
    durations_s: [2, 3, 4, 5, 6, 7, 8, 9, 10],
    end_image: true,
    fault: onlyWithEnd,
    prices: [price(0.04, '720p'), price(0.06, '1080p')],
    pictures: (images, seconds) => ({ images, transition_duration_s: seconds }),
  },
];

// It moves from one keyframe to the next, so one alone is refused.
function onlyWithEnd({ end }: FormData): FormFault | null {
  return end === 'none' ? { field: 'end', rule: 'required' } : null;
}

/** The body of a create, with the links of the first frame and, where there is one, of the last. */
export function bodyOf(model: PikaModel, { form_data: form, resolution }: VideoJob, links: string[]) {
  const prompt = composePrompt(form, model.prompt_max);
  return {
    ...model.pictures(links, form.duration_s),
    ...(prompt && { prompt }),
    ...(form.negative_prompt && { negative_prompt: form.negative_prompt }),
    resolution,
    ...(form.seed !== null && { seed: form.seed }),
  };
}
