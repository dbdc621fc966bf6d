import { z } from 'zod';
import { formData } from './form';
import { objectId, text, time } from './ids';
import { messageMaxCharacters } from './limits';

export const userMessage = text(messageMaxCharacters).min(1);

export const suggestion = z.strictObject({ message: z.string(), form_data: formData.partial() });
export type Suggestion = z.infer<typeof suggestion>;

export const aiEntry = z.strictObject({
  _id: objectId,
  message: z.string(),
  suggestion,
  provider: z.string(),
  model: z.string(),
  created_at: time,
});
export type AiEntry = z.infer<typeof aiEntry>;
