import { formKeys } from '../../contract/defaults';
import type { FormData } from '../../contract/form';
import type { Workspace } from '../../contract/workspace';
import { unsentReason, type WithUnsent } from '../state/batches';
import { getState, type AppState, type RefusedClick } from '../state/store';
import type { Refusal } from './refusal';

const ofTheForm = new Set<RefusedClick['code']>(['INVALID_INPUT', 'SPEND_LIMIT_REACHED', 'PRICE_UNKNOWN']);

/** Why a shot has no new clip: the answer that refused the last click here, else why the last batch did not start it, else what became of it. */
export function failureOf(
  shot: Workspace,
  click: AppState['clicks'][string] | undefined,
  state: WithUnsent = getState(),
): (Refusal & { isOfClick: boolean }) | null {
  const { video, form_data: form } = shot;
  // One that another attempt has followed was taken after all.
  if (typeof click === 'object' && click.before === video.attempt_id && isStillSo(click, form)) {
    return { ...click, isOfClick: true };
  }
  const unsent = unsentReason(shot, state);
  if (unsent) return { ...unsent, provider: video.provider, isOfClick: false, isUnsent: true };
  if (video.status !== 'failed' || !video.error) return null;
  return { code: video.error.code, provider: video.provider, isOfClick: false };
}

/** Whether the form is still the one that was refused, where that was the reason. */
function isStillSo({ code, form: refused }: RefusedClick, form: FormData): boolean {
  return !refused || !ofTheForm.has(code) || formKeys.every((key) => refused[key] === form[key]);
}
