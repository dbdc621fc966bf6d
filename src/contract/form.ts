import { z } from 'zod';
import { text } from './ids';
import {
  aspectRatios,
  durationMaxS,
  durationMinS,
  nameMaxCharacters,
  negativePromptMaxCharacters,
  promptMaxCharacters,
  seedMax,
  wordMaxCharacters,
} from './limits';

export type AspectRatio = (typeof aspectRatios)[number];

/** The form of one shot, without defaults, since it also checks updates; the defaults are in `emptyForm` of `defaults.ts`. */
export const formData = z.strictObject({
  camera_movement: text(wordMaxCharacters),
  shot_size: text(wordMaxCharacters),
  lighting: text(wordMaxCharacters),
  prompt: text(promptMaxCharacters),
  negative_prompt: text(negativePromptMaxCharacters),
  duration_s: z.int().min(durationMinS).max(durationMaxS),
  aspect_ratio: z.enum(aspectRatios),
  seed: z.int().min(0).max(seedMax).nullable(),
  /** "": the default provider. */
  provider: text(nameMaxCharacters),
  /** "": the default model of the provider. */
  model: text(nameMaxCharacters),
  /** "": the default resolution of the model. */
  resolution: text(nameMaxCharacters),
  /** False: no sound where the model can be silent. */
  audio: z.boolean(),
  /** What the first frame is: the image of the shot, or the last frame of the clip before it. */
  start: z.enum(['image', 'previous']),
  /** What the last frame is: left to the model, the end image of the shot, or the image of the shot after it. */
  end: z.enum(['none', 'image', 'next']),
});
export type FormData = z.infer<typeof formData>;

type FormKey = keyof FormData;
type DottedForm = { [Key in FormKey as `form_data.${Key}`]: z.ZodOptional<(typeof formData.shape)[Key]> };
/** The form as dotted keys, each optional. */
export const dottedForm = Object.fromEntries(
  (Object.keys(formData.shape) as FormKey[]).map((key) => [`form_data.${key}`, formData.shape[key].optional()]),
) as unknown as DottedForm;
