import { objectId } from '../contract/ids';
import { baseVersion, clientMessage } from '../contract/messages';
import { updates } from '../contract/workspace';
import { applyEdit } from '../db/edits';
import { toChanges } from '../db/changes';
import { defineMessage } from '../utils/message';
import { AppError } from '../utils/errors';

/** Changes only the named fields; acknowledged once stored durably. */
export const workspaceUpdate = defineMessage({
  type: 'workspace.update',
  summary:
    'Changes only the named fields of the form, the cut or the image. With `base_version`, a repetition leaves newer changes alone, and the confirmation lists the values that it replaced.',
  input: clientMessage('workspace.update', { workspace_id: objectId, updates, base_version: baseVersion.optional() }),
  reply: 'workspace.sync_confirm',
  queues: ['workspace'],
  coalesce: true,
  async handle({ workspace_id: workspaceId, updates: wanted, base_version: base }, { key, sender }) {
    const changes = toChanges(wanted);
    if (Object.keys(changes).length === 0) {
      const details = [{ path: 'updates', message: 'names no field', rule: 'required' as const }];
      throw new AppError('INVALID_INPUT', 'The update names no field; put at least one into "updates".', { details });
    }

    const edit = { kind: 'workspace', documentId: workspaceId, changes, key, baseVersion: base, sender } as const;
    const { version, updated_at, filmId, broadcast, replaced, kept } = await applyEdit(edit);
    const isReplacing = Object.keys(replaced).length > 0;
    return {
      reply: {
        type: 'workspace.sync_confirm',
        workspace_id: workspaceId,
        version,
        updated_at,
        ...(isReplacing && { replaced }),
        ...(kept.length > 0 && { kept }),
      },
      filmId,
      ...(broadcast && {
        toOthers: { type: 'workspace.updated', workspace_id: workspaceId, version, changes: broadcast },
      }),
    };
  },
});
