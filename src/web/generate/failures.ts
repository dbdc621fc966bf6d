import type { Workspace } from '../../contract/workspace';
import type { AppState } from '../state/store';
import type { Refusal } from './refusal';

/** Why a shot has no new clip: the answer that refused the last click here, else what the server knows. */
export function failureOf(
  { video }: Workspace,
  click: AppState['clicks'][string] | undefined,
): (Refusal & { isOfClick: boolean }) | null {
  // One that another attempt has followed was taken after all.
  if (typeof click === 'object' && click.before === video.attempt_id) return { ...click, isOfClick: true };
  if (video.status !== 'failed' || !video.error) return null;
  return { code: video.error.code, provider: video.provider, isOfClick: false };
}
