import * as continuity from '../../contract/continuity';
import type { FilmSettings } from '../../contract/film';
import type { FormData } from '../../contract/form';
import type { Video } from '../../contract/video';
import { chosenModel, providerOf } from './providers';
import type { AppState } from './store';

type WithOptions = Pick<AppState, 'options'>;
type Styles = Pick<FilmSettings, 'style' | 'negative_style'>;

/** Whether a shot is no longer what a clip was made from, as `isOutOfDate` of the contract, with what empty names mean at this server. */
export const isOutOfDate = (
  shot: continuity.LinkedShot,
  clip: Video,
  { options, neighbours, ...styles }: WithOptions & Styles & { neighbours: continuity.Neighbours },
): boolean =>
  continuity.isOutOfDate(shot, clip, { ...styles, neighbours, meaning: meaningOf(shot.form_data, { options }) });

/** Whether a form asks for something else than the one that a clip was made with. */
export const hasOtherForm = (form: FormData, clip: Video, state: WithOptions): boolean =>
  continuity.hasOtherForm(form, clip, meaningOf(form, state));

function meaningOf(form: FormData, state: WithOptions) {
  const chosen = providerOf(state, form);
  const resolution = chosenModel(state, form)?.default_resolution;
  return { provider: chosen?.name, model: chosen?.default_model, resolution };
}
