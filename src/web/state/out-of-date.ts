import { formKeys } from '../../contract/defaults';
import type { FilmSettings } from '../../contract/film';
import type { FormData } from '../../contract/form';
import type { Video } from '../../contract/video';
import type { Workspace } from '../../contract/workspace';
import { chosenModel, providerOf } from './providers';
import type { AppState } from './store';

type WithOptions = Pick<AppState, 'options'>;
type Styles = Pick<FilmSettings, 'style' | 'negative_style'>;

/** Whether a shot is no longer what a clip was made from: form, picture or style. Only the server's words count, so that every browser says the same. */
export function isOutOfDate(
  shot: Pick<Workspace, 'form_data' | 'image_url'>,
  clip: Video,
  { options, style, negative_style }: WithOptions & Styles,
): boolean {
  if (hasOtherForm(shot.form_data, clip, { options })) return true;
  // What a clip of before was made from is not known.
  if (!clip.form_data || clip.image_url === null) return false;
  const isSameStyle = clip.style === style.trim() && clip.negative_style === negative_style.trim();
  return clip.image_url !== shot.image_url || !isSameStyle;
}

/** Whether a form asks for something else than the one that a clip was made with. */
export function hasOtherForm(form: FormData, { form_data: made, provider, model }: Video, state: WithOptions): boolean {
  if (!made) return false;
  const chosen = providerOf(state, form);
  const resolution = chosenModel(state, form)?.default_resolution;
  const isNamed = { provider, model, resolution };
  const means = { provider: chosen?.name, model: chosen?.default_model, resolution };
  return formKeys.some((key) => {
    if (form[key] === made[key]) return false;
    if (key !== 'provider' && key !== 'model' && key !== 'resolution') return true;
    // An empty name is the one that it stood for then, and the one that it stands for now.
    const stood = made[key] || isNamed[key];
    return (form[key] || (means[key] ?? stood)) !== stood;
  });
}
