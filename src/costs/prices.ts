import type { FormData } from '../contract/form';
import { priceOf } from '../contract/model-choice';
import type { Cost } from '../contract/money';
import type { VideoModel } from '../services/provider';

/** What a form costs at a model by our table of prices; null if that is not known or nothing. */
export function estimateOf(model: VideoModel, form: FormData): Cost | null {
  const price = priceOf(model, form);
  return price && { ...price, basis: 'estimate', priced_on: model.priced_on };
}
