import { formKeys } from '../../contract/defaults';
import type { ErrorCode, ErrorDetail } from '../../contract/errors';
import { errorKey, type Translate } from '../i18n';
import { displayName, type Fault } from '../state/providers';
import { getState } from '../state/store';

export type Refusal = { code: ErrorCode | 'NETWORK'; details?: ErrorDetail[]; provider?: string | null };

/** A field whose value is not taken, by the rule that it breaks. */
type Broken = Pick<Fault, 'field' | 'model' | 'other'> & {
  rule: NonNullable<ErrorDetail['rule']>;
  limit?: number;
  /** What the server says about it, in English. */
  message?: string;
};

/** A refusal in the language of the page: by field, rule and limit where the server tells them, else by its code. */
export function refusalText(text: Translate, refusal: Refusal): string {
  const faults = faultsIn(refusal);
  if (faults.length > 0) return faults.map((fault) => faultText(text, fault, refusal.provider)).join(' ');
  return text(errorKey(refusal.code), { provider: displayName(refusal.provider) });
}

/** The fields that a refusal names. */
export function faultsIn({ code, details = [] }: Refusal): Broken[] {
  if (code !== 'INVALID_INPUT') return [];
  return details.flatMap(({ path, rule, limit, message }) => {
    const field = formKeys.find((key) => key === path.split('.').at(-1));
    return field && rule ? [{ field, rule, limit, message }] : [];
  });
}

/** What a field lacks, in a sentence, with a model that has it. */
export function faultText(text: Translate, fault: Broken, provider?: string | null): string {
  const { field, rule, limit, model, other, message } = fault;
  const maker = displayName(provider);
  const values = { field: text(`form.${field}`), provider: maker, limit: limit ?? '' };
  const way = other ? ` ${text('rule.otherModel', { model: other })}` : '';
  if (rule === 'required' && field === 'prompt') return text('rule.needsPrompt', values) + way;
  if (rule === 'wrong_type' || rule === 'unknown_key') return text('rule.wrong_form', values);
  // The server knows rules between two fields, and which model can make the whole.
  if (rule === 'not_offered' && message && getState().language === 'en') return `${values.field}: ${message}.`;
  if (rule !== 'not_offered' || !model) return text(`rule.${rule}`, values) + way;
  return text('rule.not_offered', { ...values, provider: model }) + way;
}
