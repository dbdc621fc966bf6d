import { Types, type ClientSession } from 'mongoose';
import { filmTitle } from '../contract/film';
import { objectId } from '../contract/ids';
import { clientMessage } from '../contract/messages';
import { idleVideo } from '../contract/defaults';
import { createFilmOnce, findCreatedFilm, type FilmIdentity } from '../db/create-film';
import { Film, type StoredFilm } from '../db/film';
import { findFilm } from '../db/find-films';
import { inTransaction } from '../db/mongodb';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { toWireFilmOf } from '../film/overview';
import { logger } from '../utils/logger';
import { defineMessage } from '../utils/message';
import { newWriteId } from '../utils/process-id';

/** Copies a film with its shots and their clips; the files are shared, and nothing is made or paid again. */
export const filmDuplicate = defineMessage({
  type: 'film.duplicate',
  summary:
    'Copies a film: settings, order, forms, cuts, pictures, takes and videos, not conversations. What is generating, failed or unclear is idle in the copy. For an id, or else a request_id, that was used before, replies with the stored film.',
  input: clientMessage('film.duplicate', {
    film_id: objectId,
    new_film_id: objectId.optional(),
    title: filmTitle.optional(),
  }),
  reply: 'film.created',
  queues: ['film', 'order'],
  async handle({ film_id: filmId, new_film_id: newFilmId, title }, { key }) {
    const identity = newFilmId ? { _id: newFilmId } : { created_by: key };
    // Before the copy, whose shots would be stored first.
    const known = await findCreatedFilm(identity);
    const { stored, isNew } = known ? { stored: known, isNew: false } : await copyOnce(filmId, title, identity);
    const message = { type: 'film.created', film: await toWireFilmOf(stored) } as const;
    return { reply: message, filmId: null, ...(isNew ? { toOthers: message } : { replayToOthers: message }) };
  },
});

async function copyOnce(filmId: string, title: string | undefined, identity: FilmIdentity) {
  const film = await findFilm(filmId);
  return createFilmOnce(identity, () => copyFilm(film, title ?? film.title, identity));
}

async function copyFilm(film: StoredFilm, title: string, identity: FilmIdentity): Promise<StoredFilm> {
  const filmId = new Types.ObjectId('_id' in identity ? identity._id : undefined);
  let copy: StoredFilm | null = null;
  await inTransaction(async (session) => {
    const shots = await Workspace.find({ film_id: film._id, deleted_at: null }, null, { session })
      .sort({ order_index: 1, _id: 1 })
      .lean<StoredWorkspace[]>();
    const document = { ...identity, _id: filmId, title, settings: film.settings, stored_by: newWriteId() };
    // Last, so that a kill on a server without transactions leaves no film that lacks shots.
    await copyShots(shots, filmId, session);
    const [created] = await Film.create([document], { session });
    copy = created!.toObject<StoredFilm>();
  });
  logger.info('film duplicated', { film_id: String(film._id), new_film_id: String(filmId) });
  return copy!;
}

async function copyShots(shots: StoredWorkspace[], filmId: Types.ObjectId, session?: ClientSession): Promise<void> {
  const copies = shots.map((shot, order_index) => ({
    film_id: filmId,
    order_index,
    image_path: shot.image_path,
    image_url: shot.image_url,
    end_image_path: shot.end_image_path,
    end_image_url: shot.end_image_url,
    form_data: shot.form_data,
    cut: shot.cut,
    video: shot.video.status === 'completed' ? shot.video : idleVideo,
    takes: shot.takes,
    stored_by: newWriteId(),
  }));
  await Workspace.insertMany(copies, { session });
}
