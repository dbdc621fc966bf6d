import { z } from 'zod';
import { aiEntriesKept, aiEntry } from './conversation';
import { dottedForm, formData } from './form';
import { objectId, time } from './ids';
import { takesKept, video } from './video';

const imageName = '[A-Za-z0-9_-]{1,128}\\.(png|jpg|jpeg|webp)$';
export const imagePath = z
  .string()
  .regex(new RegExp(`^uploads/images/${imageName}`), 'is not an image_path of an upload');
export const imageUrl = z
  .string()
  .regex(new RegExp(`^/uploads/images/${imageName}`), 'is not an image_url of an upload');

export const workspace = z.strictObject({
  _id: objectId,
  order_index: z.int().min(0),
  image_path: z.string().nullable(),
  image_url: z.string().nullable(),
  form_data: formData,
  video,
  takes: z.array(video).max(takesKept),
  ai_collaboration: z.array(aiEntry).max(aiEntriesKept),
  version: z.int(),
  created_at: time,
  updated_at: time,
});
export type Workspace = z.infer<typeof workspace>;

/** The changes that a client may send: the image, and the form as an object, as dotted keys, or both. */
export const updates = z.strictObject({
  image_path: imagePath.nullable().optional(),
  image_url: imageUrl.nullable().optional(),
  form_data: formData.partial().optional(),
  ...dottedForm,
});
export type Updates = z.infer<typeof updates>;

/** A stored change as broadcast to the other tabs: dotted keys with their new values. */
export const changes = z.strictObject({
  image_path: z.string().nullable().optional(),
  image_url: z.string().nullable().optional(),
  ...dottedForm,
});
export type Changes = z.infer<typeof changes>;
