import { z } from 'zod';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { findWorkspace } from '../db/find-workspaces';
import { resolveMessage } from '../db/repetitions';
import type { StoredWorkspace } from '../db/workspace';
import { generationChanged, storeDismissal } from '../generation/clicks';
import { statusUpdate } from '../generation/store';
import { AppError } from '../utils/errors';
import { defineMessage } from '../utils/message';

const maxTries = 5;

/** Dismisses a failed video: the first take is shown again, else the workspace is idle. */
export const workspaceDismiss = defineMessage({
  type: 'workspace.dismiss',
  summary:
    'Dismisses a failed or cancelled video: the first take becomes the video, else it is idle. Not while it may have been charged or is still checked at its provider.',
  input: clientMessage('workspace.dismiss', { workspace_id: objectId, attempt_id: z.string().min(1).max(100) }),
  reply: 'workspace.sync_confirm',
  queues: ['workspace'],
  async handle({ workspace_id: workspaceId, attempt_id: attemptId }, { key }) {
    for (let race = 0; race < maxTries; race++) {
      const read = await findWorkspace(workspaceId);
      const wasApplied = key !== undefined && read.applied.includes(key);
      if (!wasApplied) refuseUnlessDismissible(read, attemptId);
      const stored = wasApplied ? read : await storeDismissal(read, key);
      if (!stored) continue;
      resolveMessage(workspaceId, key);
      const { version, updated_at } = stored;
      const update = statusUpdate(stored, true);
      return {
        reply: { type: 'workspace.sync_confirm', workspace_id: workspaceId, version, updated_at },
        filmId: String(stored.film_id),
        ...(wasApplied ? { replayToAll: update } : { toAll: update }),
      };
    }
    throw generationChanged();
  },
});

/** Throws unless the video belongs to that attempt, has failed, and its outcome is settled. */
function refuseUnlessDismissible({ video, job, superseded }: StoredWorkspace, attemptId: string): void {
  const isOpen = [job, ...superseded].some((other) => other?.attempt_id === attemptId);
  const { status, error } = video;
  if (video.attempt_id !== attemptId || status !== 'failed')
    refuse('is not that of a failed video', 'Only a failed video can be dismissed; load the list again.');
  if (error?.charged === 'maybe')
    refuse(
      'may have been charged',
      'This video may have been charged; check your account, then generate again or choose a take.',
    );
  if (isOpen)
    refuse(
      'is still checked at its provider',
      'This video is still checked at its provider and may arrive as a take; try again once that has ended.',
    );
}

function refuse(fault: string, sentence: string): never {
  const details = [{ path: 'attempt_id', message: fault, rule: 'wrong_form' as const }];
  throw new AppError('INVALID_INPUT', sentence, { details });
}
