// What each model of Kling's new API takes (K1), and what a second of it costs (K3).
// Not offered: kling-4.0, as it is unclear whether it takes the external_task_id by which a lost task is found.

import type { FormData } from '../contract/form';
import { aspectRatios } from '../contract/limits';
import type { FormFault } from '../contract/model-choice';
import type { Price } from '../contract/options';
import type { VideoModel } from './provider';

const long = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** A model, and what its body has besides. */
export type KlingModel = VideoModel & { settings: { multi_shot?: false } };

const price = (usdPerS: number, resolution: string, audio: boolean | null = null): Price => ({
  resolution,
  audio,
  currency: 'USD',
  micros_per_s: Math.round(usdPerS * 1_000_000),
});

const every = {
  // The video has the ratio of the picture, which is cropped to the requested ratio.
  aspect_ratios: [...aspectRatios],
  resolutions: ['720p', '1080p'],
  default_resolution: '720p',
  end_image: false,
  prompt_max: 2500,
  prompt_required: false,
  negative_prompt: false,
  seed: false,
  settings: {},
  priced_on: '2026-09-20',
} satisfies Partial<KlingModel>;

/** The models, the first by default. */
export const klingModels: KlingModel[] = [
  {
    ...every,
    id: 'kling-3.0',
    durations_s: long,
    resolutions: ['720p', '1080p', '4k'],
    prompt_max: 3072,
    audio: 'switch',
    end_image: true,
    // Without it, the model cuts the clip into several shots (K1).
    settings: { multi_shot: false },
    prices: [
      price(0.084, '720p', false),
      price(0.126, '720p', true),
      price(0.112, '1080p', false),
      price(0.168, '1080p', true),
      price(0.42, '4k'),
    ],
  },
  {
    ...every,
    id: 'kling-3.0-turbo',
    durations_s: long,
    audio: 'always',
    // Its page wants exactly one prompt and one picture (K1).
    prompt_required: true,
    prices: [price(0.112, '720p'), price(0.14, '1080p')],
  },
  {
    ...every,
    id: 'kling-2.6',
    durations_s: [5, 10],
    audio: 'switch',
    end_image_elsewhere: true,
    fault: (form) => endOnlyLarge(form) ?? endOnlySilent(form) ?? soundOnlyLarge(form),
    prices: [price(0.042, '720p', false), price(0.07, '1080p', false), price(0.14, '1080p', true)],
  },
  {
    ...every,
    id: 'kling-2.5-turbo',
    durations_s: [5, 10],
    audio: 'never',
    end_image_elsewhere: true,
    fault: endOnlyLarge,
    prices: [price(0.042, '720p'), price(0.07, '1080p')],
  },
];

const onlyLarge = { field: 'resolution', rule: 'not_offered', offered: ['1080p'] } as const;

// Up to 720p, kling-2.6 is silent (K1).
function soundOnlyLarge({ audio, resolution }: FormData): FormFault | null {
  return audio && resolution !== '1080p' ? { ...onlyLarge, beside: 'audio' } : null;
}

// kling-2.6 and kling-2.5-turbo take an end frame at 1080p, kling-2.6 without sound (K1).
function endOnlyLarge({ end, resolution }: FormData): FormFault | null {
  return end !== 'none' && resolution !== '1080p' ? { ...onlyLarge, beside: 'end' } : null;
}

function endOnlySilent({ end, audio }: FormData): FormFault | null {
  return end !== 'none' && audio ? { field: 'audio', rule: 'not_offered', beside: 'end' } : null;
}
