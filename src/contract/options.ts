import { z } from 'zod';
import { aspectRatios } from './limits';
import { currencies, priceDate } from './money';

const vocabularyWord = z.strictObject({ id: z.string(), en: z.string(), zh: z.string() });

/** The price of a second; null for a resolution or for sound means any. */
const price = z.strictObject({
  resolution: z.string().nullable(),
  audio: z.boolean().nullable(),
  currency: z.enum(currencies),
  micros_per_s: z.int().min(0),
  /** The least that one video costs. */
  min_micros: z.int().min(0).optional(),
});
export type Price = z.infer<typeof price>;

/** One model of a provider: what it can make and what that costs. */
export const modelOption = z.strictObject({
  id: z.string(),
  durations_s: z.array(z.int()),
  aspect_ratios: z.array(z.enum(aspectRatios)),
  /** Empty: the model has one resolution of its own. */
  resolutions: z.array(z.string()),
  default_resolution: z.string().nullable(),
  /** Whether its videos have sound: never, as the form says, or always. */
  audio: z.enum(['never', 'switch', 'always']),
  end_image: z.boolean(),
  prompt_max: z.int(),
  prompt_required: z.boolean(),
  negative_prompt: z.boolean(),
  seed: z.boolean(),
  /** Empty: not known. At most one fits a combination. */
  prices: z.array(price),
  priced_on: priceDate.nullable(),
});
export type ModelOption = z.infer<typeof modelOption>;

/** What the form can offer: the vocabulary and the providers with their limits. */
export const options = z.strictObject({
  camera_movements: z.array(vocabularyWord),
  shot_sizes: z.array(vocabularyWord),
  lightings: z.array(vocabularyWord),
  video_providers: z.array(
    z.strictObject({
      name: z.string(),
      ready: z.boolean(),
      reason: z.string().optional(),
      default: z.boolean(),
      model: z.string(),
      durations_s: z.array(z.int()),
      aspect_ratios: z.array(z.enum(aspectRatios)),
      prompt_max: z.int(),
      prompt_required: z.boolean(),
      negative_prompt: z.boolean(),
      seed: z.boolean(),
      cancel: z.boolean(),
      default_model: z.string(),
      models: z.array(modelOption),
    }),
  ),
  llm_providers: z.array(
    z.strictObject({
      name: z.string(),
      ready: z.boolean(),
      reason: z.string().optional(),
      default: z.boolean(),
      model: z.string(),
    }),
  ),
});
export type Options = z.infer<typeof options>;
