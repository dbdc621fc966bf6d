import { clientMessage, objectId, updates } from '../contract';
import { applyEdit } from '../db/edit';
import { toChanges } from '../db/mongodb';
import { defineMessage } from '../utils/define';
import { AppError } from '../utils/errors';

/** Changes the named fields and no others; acknowledged when stored durably. */
export const workspaceUpdate = defineMessage({
  type: 'workspace.update',
  summary: 'Changes the named fields of the form or the image, and leaves all others as they are.',
  input: clientMessage('workspace.update', { workspace_id: objectId, updates }),
  answer: 'workspace.sync_confirm',
  queues: ['workspace'],
  together: true,
  async handle({ workspace_id: workspaceId, request_id: requestId, updates: wanted }) {
    const changes = toChanges(wanted);
    if (Object.keys(changes).length === 0) {
      const details = [{ path: 'updates', message: 'names no field' }];
      throw new AppError('INVALID_INPUT', 'The update names no field; put at least one into "updates".', { details });
    }

    const applied = requestId && `workspace.update ${requestId}`;
    const { version, updated_at, told } = await applyEdit({ workspaceId, changes, applied });
    return {
      answer: { type: 'workspace.sync_confirm', workspace_id: workspaceId, version, updated_at },
      ...(told && { others: { type: 'workspace.updated', workspace_id: workspaceId, version, changes: told } }),
    };
  },
});
