import { filmUpdates } from '../contract/film';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { toFilmChanges } from '../db/changes';
import { applyEdit } from '../db/edits';
import { stopOverLimit } from '../generation/over-limit';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { defineMessage } from '../utils/message';

/** Changes only the named fields of a film; acknowledged once stored durably. */
export const filmUpdate = defineMessage({
  type: 'film.update',
  summary: 'Changes only the named fields of a film: its title and its settings.',
  input: clientMessage('film.update', { film_id: objectId, updates: filmUpdates }),
  reply: 'film.sync_confirm',
  queues: ['film'],
  coalesce: true,
  async handle({ film_id: filmId, updates }, { key, sender }) {
    const changes = toFilmChanges(updates);
    if (Object.keys(changes).length === 0) {
      const details = [{ path: 'updates', message: 'names no field', rule: 'required' as const }];
      throw new AppError('INVALID_INPUT', 'The update names no field; put at least one into "updates".', { details });
    }

    const edit = { kind: 'film', documentId: filmId, changes, key, sender } as const;
    const { version, updated_at, broadcast } = await applyEdit(edit);
    if ('settings.spend_limit' in changes) await stopWaiting(filmId);
    return {
      reply: { type: 'film.sync_confirm', film_id: filmId, version, updated_at },
      filmId: null,
      ...(broadcast && { toOthers: { type: 'film.updated', film_id: filmId, version, changes: broadcast } }),
    };
  },
});

/** Stops what waits if the limit was lowered; the edit is stored, so a failure here does not undo it, and the next start tries again. */
async function stopWaiting(filmId: string): Promise<void> {
  try {
    await stopOverLimit(filmId);
  } catch (error) {
    logger.warn('waiting videos not stopped', { film_id: filmId, error });
  }
}
