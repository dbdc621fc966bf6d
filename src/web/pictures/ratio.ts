import { emptyForm } from '../../contract/defaults';
import type { AspectRatio } from '../../contract/form';
import { aspectRatios } from '../../contract/limits';
import { chosenModel } from '../state/providers';
import { getState } from '../state/store';

export type Size = { width: number; height: number };

/** Width by height of a ratio such as 16:9. */
export function shapeOf(ratio: AspectRatio): number {
  const [width, height] = ratio.split(':').map(Number) as [number, number];
  return width / height;
}

/** The ratio nearest to a picture, of those that the model of a shot, or of a new one, offers. */
export function nearestRatio({ width, height }: Size, id = ''): AspectRatio {
  const state = getState();
  const offered = chosenModel(state, state.byId[id]?.form_data ?? emptyForm)?.aspect_ratios ?? aspectRatios;
  const distance = (ratio: AspectRatio) => Math.abs(Math.log(shapeOf(ratio) / (width / height)));
  return [...offered].sort((a, b) => distance(a) - distance(b))[0] ?? aspectRatios[0];
}

/** The ratio nearest to the picture in a file; null for one that this browser cannot open. */
export async function ratioOfFile(file: File): Promise<AspectRatio | null> {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const ratio = nearestRatio(bitmap);
    bitmap.close();
    return ratio;
  } catch {
    return null;
  }
}
