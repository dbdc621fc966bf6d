import { filmSettings, filmTitle, type FilmSettings } from '../contract/film';
import { newFilmSettings } from '../contract/defaults';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { toFilmChanges } from '../db/changes';
import { createFilmOnce } from '../db/create-film';
import { Film, type StoredFilm } from '../db/film';
import { toWireFilmOf } from '../film/overview';
import { logger } from '../utils/logger';
import { defineMessage } from '../utils/message';
import { newWriteId } from '../utils/process-id';

/** Creates an empty film; a repeated id, or else a repeated request_id, gets the stored film. */
export const filmCreate = defineMessage({
  type: 'film.create',
  summary:
    'Creates an empty film. For an id, or else a request_id, that was used before, replies with the stored film, unchanged.',
  input: clientMessage('film.create', {
    film_id: objectId.optional(),
    title: filmTitle.optional(),
    settings: filmSettings.partial().optional(),
  }),
  reply: 'film.created',
  queues: ['film', 'order'],
  async handle({ film_id: filmId, title = '', settings = {} }, { key }) {
    const identity = filmId ? { _id: filmId } : { created_by: key };
    const fields = { title, settings: { ...newFilmSettings, ...withMusic(settings) }, stored_by: newWriteId() };
    const create = async () => (await Film.create({ ...identity, ...fields })).toObject<StoredFilm>();
    const { stored, isNew } = await createFilmOnce(identity, create);
    if (isNew) logger.info('film created', { film_id: String(stored._id) });
    const message = { type: 'film.created', film: await toWireFilmOf(stored) } as const;
    return { reply: message, filmId: null, ...(isNew ? { toOthers: message } : { replayToOthers: message }) };
  },
});

/** The settings, with the path and the URL of the music derived from each other. */
function withMusic(settings: Partial<FilmSettings>): Partial<FilmSettings> {
  const changes = Object.entries(toFilmChanges({ settings }));
  return Object.fromEntries(changes.map(([key, value]) => [key.replace('settings.', ''), value]));
}
