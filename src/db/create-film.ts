import { AppError } from '../utils/errors';
import { Film, filmNotFound, type StoredFilm } from './film';
import { isDuplicateKey } from './mongodb';
import { noteCreated } from './repetitions';

/** What a repeated message finds its film by: the id that the client chose, or else the idempotency key. */
export type FilmIdentity = { _id: string } | { created_by: string | undefined };

/** The film that an earlier message created; null if there is none. Throws FILM_NOT_FOUND when it is in the trash. */
export async function findCreatedFilm(identity: FilmIdentity): Promise<StoredFilm | null> {
  if ('created_by' in identity && identity.created_by === undefined) return null;
  const found = await Film.findOne(identity).lean<StoredFilm>();
  if (found?.deleted_at) throw filmNotFound(String(found._id));
  return found;
}

/** Runs `create`, or finds the film that an earlier message with the same identity has created. */
export async function createFilmOnce(
  identity: FilmIdentity,
  create: () => Promise<StoredFilm>,
): Promise<{ stored: StoredFilm; isNew: boolean }> {
  try {
    const stored = await create();
    noteCreated(stored);
    return { stored, isNew: true };
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    const stored = await findCreatedFilm(identity);
    if (!stored) throw new AppError('BUSY', 'The film is being created or removed right now; send the message again.');
    return { stored, isNew: false };
  }
}
