import { z } from 'zod';
import { clientMessage, objectId } from '../contract';
import { statusUpdate } from '../generation/store';
import { chooseTake } from '../generation/worker';
import { defineMessage } from '../utils/define';

/** Makes a take the video of its workspace; a finished video takes its place among the takes. */
export const workspaceChooseTake = defineMessage({
  type: 'workspace.choose_take',
  summary: 'Makes a take the video; a finished video takes its place. Not while a video is being generated.',
  input: clientMessage('workspace.choose_take', { workspace_id: objectId, attempt_id: z.string().min(1).max(100) }),
  answer: 'workspace.sync_confirm',
  queues: ['workspace'],
  async handle({ workspace_id: workspaceId, attempt_id: attemptId, request_id: requestId }) {
    const applied = requestId && `workspace.choose_take ${requestId}`;
    const { stored, isNew } = await chooseTake(workspaceId, attemptId, applied);
    const { version, updated_at } = stored;
    const told = statusUpdate(stored, true);
    return {
      answer: { type: 'workspace.sync_confirm', workspace_id: workspaceId, version, updated_at },
      ...(isNew ? { all: told } : { again: told }),
    };
  },
});
