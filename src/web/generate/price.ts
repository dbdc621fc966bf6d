import type { FormData } from '../../contract/form';
import { priceOf } from '../../contract/model-choice';
import type { Money } from '../../contract/money';
import { chosenModel, movesPictureOnly, providerOf } from '../state/providers';
import type { AppState } from '../state/store';

/** What the next clip of a form costs: `unknown` where somebody asks for money and does not say how much; null where it costs nothing. */
export type ExpectedPrice = { money: Money; pricedOn: string | null } | 'unknown' | null;

export function expectedPrice(state: Pick<AppState, 'options'>, form: FormData): ExpectedPrice {
  const model = chosenModel(state, form);
  if (!model || movesPictureOnly(providerOf(state, form)?.name)) return null;
  const money = priceOf(model, form);
  return money ? { money, pricedOn: model.priced_on } : 'unknown';
}
