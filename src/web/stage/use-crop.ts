import { useEffect, useState } from 'react';
import type { AspectRatio } from '../../contract/form';
import type { Workspace } from '../../contract/workspace';
import { nearestRatio, shapeOf, type Size } from '../pictures/ratio';

/** What the ratio of a shot cuts from its picture: the shape of the picture, the part lost on each side, and a better ratio. */
export type Crop = { shape: number; sides: number; ends: number; better: AspectRatio | null };

const leastPart = 0.01;

/** What would be cropped around the centre of the picture; null where it fits, and until its size is known. */
export function useCrop({ _id: id, image_url: picture, form_data: form }: Workspace): Crop | null {
  const [known, setKnown] = useState<(Size & { picture: string }) | null>(null);
  useEffect(() => {
    if (!picture) return;
    const image = new Image();
    image.onload = () => setKnown({ picture, width: image.naturalWidth, height: image.naturalHeight });
    image.src = picture;
    return () => {
      image.onload = null;
    };
  }, [picture]);

  if (!known || known.picture !== picture || known.height === 0) return null;
  const shape = known.width / known.height;
  const wanted = shapeOf(form.aspect_ratio);
  const sides = Math.max(0, (1 - wanted / shape) / 2);
  const ends = Math.max(0, (1 - shape / wanted) / 2);
  if (sides < leastPart && ends < leastPart) return null;
  const nearest = nearestRatio(known, id);
  return { shape, sides, ends, better: nearest === form.aspect_ratio ? null : nearest };
}
