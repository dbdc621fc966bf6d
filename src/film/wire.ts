import { Types } from 'mongoose';
import type { FilmExport } from '../contract/export';
import type { StoredExport } from '../db/export';
import { Film, type StoredFilm } from '../db/film';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import { exportUrl } from '../media/exports';
import type { Shot } from './plan';
import { keyOf, makeRecipe } from './recipe';

const shotFields = { image_url: 1, form_data: 1, cut: 1, video: 1, takes: { $slice: 1 } } as const;

/** The shots of a film that are not in the trash, in order. */
export async function readShots(filmId: string): Promise<Shot[]> {
  // With the driver: hundreds of shots would take Mongoose longer than the database.
  const stored = await Workspace.collection
    .find<StoredWorkspace>(
      { film_id: new Types.ObjectId(filmId), deleted_at: null },
      { projection: shotFields, sort: { order_index: 1, _id: 1 } },
    )
    .toArray();
  return toJson<Shot[]>(stored);
}

/** Exports of one film as they go over the wire, compared with the film as it is now. */
export async function toWireExports(stored: StoredExport[]): Promise<FilmExport[]> {
  const [first] = stored;
  if (!first) return [];
  const filmId = String(first.film_id);
  const [film, shots] = await Promise.all([
    Film.findOne({ _id: filmId, deleted_at: null }).lean<StoredFilm>(),
    readShots(filmId),
  ]);
  const isStale = ({ given, recipe }: StoredExport) =>
    !film || keyOf(filmId, makeRecipe(film.settings, shots, given).recipe) !== keyOf(filmId, recipe);
  return stored.map((one) => toWire(one, isStale(one)));
}

/** One export as it goes over the wire. */
export async function toWireExport(stored: StoredExport): Promise<FilmExport> {
  const [wire] = await toWireExports([stored]);
  return wire!;
}

function toWire(stored: StoredExport, is_stale: boolean): FilmExport {
  const { given, recipe, key, request_ids, file, slot, lease, run, stored_by, ...shown } = stored;
  return toJson<FilmExport>({ ...shown, url: file && exportUrl(file), is_stale });
}
