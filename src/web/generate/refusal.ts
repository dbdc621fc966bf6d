import { formKeys } from '../../contract/defaults';
import type { ErrorCode, ErrorDetail } from '../../contract/errors';
import type { FormData } from '../../contract/form';
import { errorKey, type Translate } from '../i18n';
import { displayName, type Provider } from '../state/providers';

/** A field whose value a provider does not take, by the rule that it breaks. */
export type Fault = { field: keyof FormData; rule: NonNullable<ErrorDetail['rule']>; limit?: number };

export type Refusal = { code: ErrorCode | 'NETWORK'; details?: ErrorDetail[]; provider?: string | null };

/** What the server would refuse about this form, so that it can be said before the click. */
export function faultsOf(form: FormData, provider: Provider | undefined): Fault[] {
  if (!provider) return [];
  const faults: Fault[] = [];
  const words = [form.prompt, form.camera_movement, form.shot_size, form.lighting];
  if (!provider.durations_s.includes(form.duration_s)) faults.push({ field: 'duration_s', rule: 'not_offered' });
  if (!provider.aspect_ratios.includes(form.aspect_ratio)) faults.push({ field: 'aspect_ratio', rule: 'not_offered' });
  if (form.prompt.length > provider.prompt_max)
    faults.push({ field: 'prompt', rule: 'too_long', limit: provider.prompt_max });
  if (provider.prompt_required && words.every((word) => word.trim() === ''))
    faults.push({ field: 'prompt', rule: 'required' });
  return faults;
}

/** A refusal in the language of the page: by field, rule and limit where the server tells them, else by its code. */
export function refusalText(text: Translate, refusal: Refusal): string {
  const faults = faultsIn(refusal);
  if (faults.length > 0) return faults.map((fault) => faultText(text, fault, refusal.provider)).join(' ');
  return text(errorKey(refusal.code), { provider: displayName(refusal.provider) });
}

/** The fields that a refusal names. */
export function faultsIn({ code, details = [] }: Refusal): Fault[] {
  if (code !== 'INVALID_INPUT') return [];
  return details.flatMap(({ path, rule, limit }) => {
    const field = formKeys.find((key) => key === path.split('.').at(-1));
    return field && rule ? [{ field, rule, limit }] : [];
  });
}

/** What a field lacks, in one sentence. */
export function faultText(text: Translate, { field, rule, limit }: Fault, provider?: string | null): string {
  const values = { field: text(`form.${field}`), provider: displayName(provider), limit: limit ?? '' };
  if (rule === 'required' && field === 'prompt') return text('rule.needsPrompt', values);
  if (rule === 'wrong_type' || rule === 'unknown_key') return text('rule.wrong_form', values);
  return text(`rule.${rule}`, values);
}
