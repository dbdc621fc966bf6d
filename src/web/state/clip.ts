import { formKeys } from '../../contract/defaults';
import type { Workspace } from '../../contract/workspace';
import { clipOf } from '../../film/plan';
import { rememberedRecord } from './remembered';

// The wire does not tell with which picture a clip was made, so this browser remembers it for the clicks it saw.
const pictures = rememberedRecord('pictures', 500);
export const rememberPicture = (attemptId: string, path: string): void => pictures.set({ [attemptId]: path });

/** Whether the form or, as far as this browser saw it, the picture is another than the one the clip was made with. */
export function isChanged(workspace: Workspace): boolean {
  const clip = clipOf(workspace);
  if (!clip?.form_data) return false;
  const { form_data: form, image_path: path } = workspace;
  const made = clip.form_data;
  if (formKeys.some((key) => form[key] !== made[key])) return true;
  const picture = clip.attempt_id && pictures.read()[clip.attempt_id];
  return Boolean(picture) && picture !== path;
}

/** Where a shot stands. A cancelled attempt leaves it as it was before. */
export function stateOf(workspace: Workspace) {
  const { status, error } = workspace.video;
  if (status === 'generating') return 'generating';
  if (status === 'failed' && error?.code !== 'CANCELLED') return 'failed';
  if (isChanged(workspace)) return 'changed';
  if (clipOf(workspace)) return 'completed';
  return workspace.image_url ? 'idle' : 'noPicture';
}
