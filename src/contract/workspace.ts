import { z } from 'zod';
import { aiEntry } from './conversation';
import { dottedForm, formData } from './form';
import { objectId, text, time, uploadShapes } from './ids';
import { aiEntriesKept, captionMaxCharacters, takesKept } from './limits';
import { video } from './video';

export const { path: imagePath, url: imageUrl } = uploadShapes('image', 'images', 'png|jpg|jpeg|webp');

/** What the finished film does with the clip of a shot; never sent to a provider. */
export const cut = z.strictObject({
  caption: text(captionMaxCharacters),
  in_s: z.number().min(0),
  /** Null: to the end of the clip. */
  out_s: z.number().min(0).nullable(),
  volume: z.number().min(0).max(1),
});
export type Cut = z.infer<typeof cut>;

type CutKey = keyof Cut;
type DottedCut = { [Key in CutKey as `cut.${Key}`]: z.ZodOptional<(typeof cut.shape)[Key]> };
const dottedCut = Object.fromEntries(
  Object.entries(cut.shape).map(([key, shape]) => [`cut.${key}`, shape.optional()]),
) as unknown as DottedCut;

export const workspace = z.strictObject({
  _id: objectId,
  film_id: objectId,
  order_index: z.int().min(0),
  image_path: z.string().nullable(),
  image_url: z.string().nullable(),
  end_image_path: z.string().nullable(),
  end_image_url: z.string().nullable(),
  form_data: formData,
  cut,
  video,
  takes: z.array(video).max(takesKept),
  ai_collaboration: z.array(aiEntry).max(aiEntriesKept),
  version: z.int(),
  created_at: time,
  updated_at: time,
});
export type Workspace = z.infer<typeof workspace>;

/** The images of a shot as a client may send them, by path or by URL. */
export const images = {
  image_path: imagePath.nullable().optional(),
  image_url: imageUrl.nullable().optional(),
  end_image_path: imagePath.nullable().optional(),
  end_image_url: imageUrl.nullable().optional(),
};

/** The changes that a client may send: the images, and the form as an object, as dotted keys, or both. */
export const updates = z.strictObject({
  ...images,
  form_data: formData.partial().optional(),
  cut: cut.partial().optional(),
  ...dottedForm,
  ...dottedCut,
});
export type Updates = z.infer<typeof updates>;

/** A stored change as broadcast to the other tabs: dotted keys with their new values. */
export const changes = z.strictObject({
  image_path: z.string().nullable().optional(),
  image_url: z.string().nullable().optional(),
  end_image_path: z.string().nullable().optional(),
  end_image_url: z.string().nullable().optional(),
  ...dottedForm,
  ...dottedCut,
});
export type Changes = z.infer<typeof changes>;
