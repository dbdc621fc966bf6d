import { z } from 'zod';
import { aspectRatios } from './form';

const vocabularyWord = z.strictObject({ id: z.string(), en: z.string(), zh: z.string() });

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
