import { trusted, type ClientSession } from 'mongoose';
import { Film, filmNotFound, type StoredFilm } from './film';
import { ignoreDuplicate, throwWhilePreparing } from './mongodb';

/** The id of a database's first film, fixed so that two servers that start at the same time make only one. */
const firstFilmId = '000000000000000000000001';
const oldestFirst = { created_at: 1, _id: 1 } as const;

/** The stored film with that id; throws FILM_NOT_FOUND when there is none or it is in the trash. */
export async function findFilm(filmId: string): Promise<StoredFilm> {
  throwWhilePreparing();
  const found = await Film.findOne({ _id: filmId, deleted_at: null }).lean<StoredFilm>();
  if (!found) throw filmNotFound(filmId);
  return found;
}

/** The films that are not in the trash, oldest first; the first is the default one. */
export const findFilms = (session?: ClientSession): Promise<StoredFilm[]> =>
  Film.find({ deleted_at: null }, null, { session }).sort(oldestFirst).lean<StoredFilm[]>().exec();

/** The oldest film that is not in the trash; makes an empty one if there is none. */
export async function defaultFilm(): Promise<StoredFilm> {
  throwWhilePreparing();
  const found = await findOldest();
  if (found) return found;
  await Film.create({ _id: firstFilmId }).catch(ignoreDuplicate);
  return (await findOldest()) ?? (await Film.create({})).toObject<StoredFilm>();
}

/** The film with that id, or else the default one; throws FILM_NOT_FOUND for an unknown or deleted one. */
export const filmOrDefault = (filmId: string | undefined): Promise<StoredFilm> =>
  filmId === undefined ? defaultFilm() : findFilm(filmId);

/** The id of that film. */
export const filmIdOr = async (filmId: string | undefined): Promise<string> =>
  String((await filmOrDefault(filmId))._id);

/** Whether a film besides this one is outside the trash. */
export const hasOtherFilm = async (filmId: string): Promise<boolean> =>
  (await Film.exists({ _id: trusted({ $ne: filmId }), deleted_at: null })) !== null;

/** Records that a shot of the film was deleted or restored; a new one counts by its own time. */
export async function touchFilm(filmId: string, session?: ClientSession): Promise<void> {
  await Film.updateOne({ _id: filmId }, { $set: { updated_at: new Date() } }, { session });
}

const findOldest = () => Film.findOne({ deleted_at: null }).sort(oldestFirst).lean<StoredFilm>();
