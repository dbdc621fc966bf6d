import type { Batch } from '../../contract/batch';
import type { Workspace } from '../../contract/workspace';
import { refusalText } from '../generate/refusal';
import type { Translate } from '../i18n';

type Item = Batch['items'][number];

/** Why a shot of a batch failed or was cancelled; '' where its state says all. */
export function reasonWords(text: Translate, { reason, attempt_id: attemptId }: Item, shot: Workspace | undefined) {
  if (!reason || reason.code === 'CANCELLED') return '';
  if (reason.code === 'WORKSPACE_NOT_FOUND') return shot || attemptId !== null ? '' : text('batch.reason.deleted');
  return refusalText(text, { ...reason, provider: shot?.video.provider, isUnsent: attemptId === null });
}

/** Whether a cancelled shot of a batch had been sent, and may be charged. */
export const mayBeCharged = ({ state, attempt_id: attemptId }: Item, shot: Workspace | undefined): boolean =>
  state === 'cancelled' &&
  attemptId !== null &&
  shot?.video.attempt_id === attemptId &&
  shot.video.error?.charged === 'maybe';
