import { trusted } from 'mongoose';
import { defaultFilm } from '../find-films';
import { Film } from '../film';
import { alignTrash } from '../film-trash';
import { Installation } from '../installation';
import { keysKept } from '../updates';
import { Workspace } from '../workspace';

/** Gives every workspace of 1.0.0 the default film, which also takes over the keys of its reorders. */
export async function addFilms(): Promise<void> {
  const { _id } = await defaultFilm();
  await moveReorderKeys(String(_id));
  // With the driver, since the schema requires a film.
  await Workspace.collection.updateMany({ film_id: { $exists: false } }, { $set: { film_id: _id } });
  await remakeMissingFilms();
  await alignTrash();
}

async function moveReorderKeys(filmId: string): Promise<void> {
  // With the driver, since the old fields are not in the schema.
  const { collection } = Installation;
  const old = await collection.findOne({ $or: [{ applied: { $exists: true } }, { last_place: { $exists: true } }] });
  if (!old) return;
  const keys = (old.applied ?? []) as string[];
  if (keys.length > 0)
    await Film.updateOne({ _id: filmId }, { $push: { applied: { $each: keys, $slice: -keysKept } } });
  await collection.updateOne({ _id: old._id }, { $unset: { applied: '', last_place: '' } });
}

/** A kill in the middle of a duplicate leaves shots without their film where the database has no transactions. */
async function remakeMissingFilms(): Promise<void> {
  const used = await Workspace.distinct('film_id');
  const known = new Set((await Film.distinct('_id', { _id: trusted({ $in: used }) })).map(String));
  for (const _id of used.filter((id) => !known.has(String(id)))) await Film.create({ _id });
}
