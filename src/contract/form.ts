import { z } from 'zod';
import { text } from './ids';

export const aspectRatios = ['16:9', '9:16', '1:1', '4:3', '3:4', '21:9'] as const;
export type AspectRatio = (typeof aspectRatios)[number];

/** The longest prompt that the form accepts, in code points, as zod and JSON Schema count. */
export const promptMaxCharacters = 2000;

/** The form of one shot, without defaults, since it also checks updates; the defaults are in `emptyForm`. */
export const formData = z.strictObject({
  camera_movement: text(100),
  shot_size: text(100),
  lighting: text(100),
  prompt: text(promptMaxCharacters),
  negative_prompt: text(1000),
  duration_s: z.int().min(2).max(15),
  aspect_ratio: z.enum(aspectRatios),
  seed: z.int().min(0).max(4294967295).nullable(),
});
export type FormData = z.infer<typeof formData>;

export const emptyForm: FormData = {
  camera_movement: '',
  shot_size: '',
  lighting: '',
  prompt: '',
  negative_prompt: '',
  duration_s: 5,
  aspect_ratio: '16:9',
  seed: null,
};

type FormKey = keyof FormData;
export const formKeys = Object.keys(formData.shape) as FormKey[];

type DottedForm = { [Key in FormKey as `form_data.${Key}`]: z.ZodOptional<(typeof formData.shape)[Key]> };
/** The form as dotted keys, each optional. */
export const dottedForm = Object.fromEntries(
  formKeys.map((key) => [`form_data.${key}`, formData.shape[key].optional()]),
) as unknown as DottedForm;
