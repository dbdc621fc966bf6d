import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { objectId } from '../contract/ids';
import { baseVersion, clientMessage } from '../contract/messages';
import { toChanges } from '../db/changes';
import { hasNewerValue, noteRead, resolveMessage, type MessageIdentity } from '../db/repetitions';
import { findWorkspace } from '../db/find-workspaces';
import { rememberUnchanged } from '../db/updates';
import { type StoredWorkspace } from '../db/workspace';
import { generationChanged, storeChoice } from '../generation/clicks';
import { statusUpdate } from '../generation/store';
import { defineMessage } from '../utils/message';
import { AppError } from '../utils/errors';

const maxChoiceTries = 5;

/** Makes a take the video of its workspace; a finished video takes its place in the list of takes. */
export const workspaceChooseTake = defineMessage({
  type: 'workspace.choose_take',
  summary:
    'Makes a take the video; a finished video takes its place. Not while a video is being generated. With `with_form`, the form that it was made with becomes the form of the workspace.',
  input: clientMessage('workspace.choose_take', {
    workspace_id: objectId,
    attempt_id: z.string().min(1).max(100),
    with_form: z.boolean().optional(),
    base_version: baseVersion.optional(),
  }),
  reply: 'workspace.sync_confirm',
  queues: ['workspace'],
  async handle(
    { workspace_id: workspaceId, attempt_id: attemptId, with_form: withForm = false, base_version: base },
    { key },
  ) {
    const { stored, isNew } = await chooseTake(
      { attemptId, withForm },
      { documentId: workspaceId, key, baseVersion: base },
    );
    const { version, updated_at } = stored;
    const changes = withForm && { changes: toChanges({ form_data: stored.form_data }) };
    const update = { ...statusUpdate(stored, true), ...changes };
    return {
      reply: { type: 'workspace.sync_confirm', workspace_id: workspaceId, version, updated_at, ...changes },
      filmId: String(stored.film_id),
      ...(isNew ? { toAll: update } : { replayToAll: update }),
    };
  },
});

type Choice = { attemptId: string; withForm: boolean };

/** Chooses the take once for each request; `isNew` is false when it was done before or nothing had to change. */
async function chooseTake(
  { attemptId, withForm }: Choice,
  sent: MessageIdentity,
): Promise<{ stored: StoredWorkspace; isNew: boolean }> {
  const { documentId: workspaceId, key } = sent;
  for (let race = 0; race < maxChoiceTries; race++) {
    const read = await findWorkspace(workspaceId);
    const { video, takes } = read;
    if (key && read.applied.includes(key)) return { stored: read, isNew: false };
    if (hasNewerValue(noteRead(read), 'video', sent)) return leaveUnchanged(read, sent);
    if (video.status === 'generating') {
      const message = 'A video is being generated here; wait for it or cancel it, then choose a take.';
      throw new AppError('VIDEO_IN_PROGRESS', message);
    }
    // A cancelled attempt may have a take although the video belongs to it too, so search the takes first.
    const index = takes.findIndex((take) => take.attempt_id === attemptId);
    const isChosen = index < 0 && video.attempt_id === attemptId;
    const form = withForm ? ((isChosen ? video : takes[index])?.form_data ?? null) : null;
    if (isChosen && (!form || isDeepStrictEqual(form, read.form_data))) return leaveUnchanged(read, sent);
    if (index < 0 && !isChosen)
      throw new AppError('NOT_FOUND', 'This workspace has no take with this attempt_id; load the list again.');

    const stored = await storeChoice(read, { index, form, key });
    if (stored) return { stored, isNew: true };
  }
  throw generationChanged();
}

/** Changes nothing, but remembers the message, so that repeating it does not undo later changes. */
async function leaveUnchanged(
  stored: StoredWorkspace,
  { documentId: workspaceId, key }: MessageIdentity,
): Promise<{ stored: StoredWorkspace; isNew: boolean }> {
  await rememberUnchanged(workspaceId, key);
  resolveMessage(workspaceId, key);
  return { stored, isNew: false };
}
