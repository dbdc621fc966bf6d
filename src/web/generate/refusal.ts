import { formKeys } from '../../contract/defaults';
import type { ErrorCode, ErrorDetail } from '../../contract/errors';
import type { FormData } from '../../contract/form';
import { errorKey, listWords, type TextKey, type Translate } from '../i18n';
import { displayName, formFaults, type Fault } from '../state/providers';
import { getState } from '../state/store';

export type Refusal = {
  code: ErrorCode | 'NETWORK';
  details?: ErrorDetail[];
  provider?: string | null;
  /** The form that was refused. */
  form?: FormData;
  /** Whether it is about a shot that a batch did not start. */
  isUnsent?: boolean;
};

/** A field whose value is not taken, by the rule that it breaks. */
type Broken = Omit<Fault, 'rule'> & {
  rule: NonNullable<ErrorDetail['rule']>;
  /** What the server says about it, in English. */
  message?: string;
};

const longRun = 4;

/** A refusal in the language of the page: by what the model offers, else by what the server says of a field, else by its code. */
export function refusalText(text: Translate, refusal: Refusal): string {
  if (refusal.isUnsent && refusal.code === 'PREVIOUS_CLIP_MISSING') return text('batch.reason.notStarted');
  const faults = faultsIn(refusal).map((fault) => faultText(text, fault, refusal.provider));
  if (faults.length > 0) return faults.join(text('common.sentenceGap'));
  return text(errorKey(refusal.code), { provider: displayName(refusal.provider) });
}

/** What a refusal is about: all that this page knows the form to lack, else the fields that the server names. */
export function faultsIn({ code, details = [], form }: Refusal): Broken[] {
  if (code !== 'INVALID_INPUT') return [];
  const known = form ? formFaults(getState(), form) : [];
  if (known.length > 0) return known;
  return details.flatMap(({ path, rule, limit, message }) => {
    const field = formKeys.find((key) => key === path.split('.').at(-1));
    return field && rule ? [{ field, rule, limit, message }] : [];
  });
}

/** What a field lacks, in a sentence, with a model that has it. */
export function faultText(text: Translate, fault: Broken, provider?: string | null): string {
  const { field, rule, limit, model, other, message, pairedWith } = fault;
  const values = {
    field: text(`form.${field}`),
    provider: model ?? displayName(provider),
    limit: limit ?? '',
    other: other ?? '',
    offered: offeredWords(text, fault),
    resolution: pairedWith ?? '',
  };
  // The server knows rules between two fields, and which model can make the whole.
  if (rule === 'not_offered' && message && getState().language === 'en') return `${values.field}: ${message}.`;
  const key = ruleKey(fault);
  const way = other && !namesOther.has(key) ? text('common.sentenceGap') + text('rule.otherModel', values) : '';
  return text(key, values) + way;
}

const namesOther = new Set<TextKey>(['rule.needsPromptOr', 'rule.noSoundOr', 'rule.noEndOr']);

function ruleKey({ field, rule, other, message, offered, pairedWith }: Broken): TextKey {
  if (rule === 'wrong_type' || rule === 'unknown_key') return 'rule.wrong_form';
  if (rule === 'required' && field === 'prompt') return other ? 'rule.needsPromptOr' : 'rule.needsPrompt';
  if (rule === 'required' && field === 'end') return 'rule.needsEnd';
  if (rule !== 'not_offered' || message) return `rule.${rule}`;
  if (field === 'audio' && pairedWith) return 'rule.noSoundAt';
  if (field === 'audio') return other ? 'rule.noSoundOr' : 'rule.noSound';
  if (field === 'end') return other ? 'rule.noEndOr' : 'rule.noEnd';
  if (offered?.length) return pairedWith ? 'rule.offersWithSound' : 'rule.offers';
  return field === 'resolution' ? 'rule.ownResolution' : 'rule.not_offered';
}

/** What is offered, as a list or, where many numbers follow each other, as a range. */
function offeredWords(text: Translate, { field, offered = [] }: Broken): string {
  const [first, last] = [offered[0], offered.at(-1)];
  const isRun = offered.length >= longRun && Number(last) - Number(first) === offered.length - 1;
  const words = isRun ? `${first}–${last}` : listWords(text, offered.map(String));
  return field === 'duration_s' ? text('common.seconds', { count: words }) : words;
}
