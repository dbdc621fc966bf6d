import { resolutionOf } from '../../contract/model-choice';
import type { Video } from '../../contract/video';
import type { Translate } from '../i18n';
import { displayName } from '../state/providers';
import type { AppState } from '../state/store';

/** Who made a take and what was chosen for it, as far as the model has a choice. */
export function makerWords(text: Translate, { options }: Pick<AppState, 'options'>, take: Video): string {
  const { provider: name, model: id, form_data: form } = take;
  const provider = options?.video_providers.find((one) => one.name === name);
  const model = provider?.models.find((one) => one.id === id);
  const words = [displayName(name), id, form && text('common.seconds', { count: form.duration_s })];
  if (form && model && model.resolutions.length > 1) words.push(resolutionOf(model, form));
  if (form && model?.audio === 'switch') words.push(text(form.audio ? 'takes.withSound' : 'takes.noSound'));
  if (form?.start === 'previous') words.push(text('takes.fromPrevious'));
  if (form && form.end !== 'none') words.push(text(`takes.toEnd.${form.end}`));
  return words.filter(Boolean).join(' · ');
}
