import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { trusted } from 'mongoose';
import type { ExportOptions, FilmExport } from '../contract/export';
import { Export, type Recipe, type StoredExport } from '../db/export';
import { exportNotFound, findExports, storeCancelled } from '../db/export-queue';
import type { StoredFilm } from '../db/film';
import { filmOrDefault } from '../db/find-films';
import { isDuplicateKey, throwWhilePreparing } from '../db/mongodb';
import { checkDisk, exportFile, removeWorkFolders } from '../media/exports';
import { filmProgram } from '../media/ffmpeg';
import { AppError } from '../utils/errors';
import { toFileName } from '../utils/file-name';
import { newWriteId } from '../utils/process-id';
import { broadcastExport } from './broadcast';
import { fontOf } from './caption-picture';
import { stopRendering, wakeExporter } from './exporter';
import { clipOf } from '../contract/continuity';
import { durationOf, type Shot } from './plan';
import { keyOf, makeRecipe } from './recipe';
import { fileOfMusic, fileOfShot } from './render-film';
import { readShots, toWireExport, toWireExports } from './wire';

/** A cautious guess of what one pixel of a finished film takes. */
const bytesPerPixel = 0.02;

type Wanted = { filmId?: string; given: Partial<ExportOptions>; requestId?: string };

/**
 * Puts the finished film of a film, as it is now, in the queue. The same film and options that wait, run, or are completed are
 * answered at once.
 */
export async function exportFilm({ filmId, given, requestId }: Wanted): Promise<FilmExport> {
  const film = await filmOrDefault(filmId);
  const id = String(film._id);
  const repeated = requestId && (await findRepeated(id, requestId));
  if (repeated) return toWireExport(repeated);
  const shots = await readShots(id);
  const made = makeRecipe(film.settings, shots, given);
  const { recipe } = made;
  if (recipe.shots.length === 0) throw nothingToExport();
  const key = keyOf(id, recipe);
  const same = await findSame(key, given, requestId);
  if (same) return broadcastExport(same);
  await checkRenderable(recipe, film);
  const stored = await create(film, shots, { ...made, key, given, requestId });
  wakeExporter();
  return broadcastExport(stored);
}

/** The exports of a film, newest first. */
export async function listExports(filmId: string): Promise<FilmExport[]> {
  return toWireExports(await findExports(filmId));
}

/** Cancels a waiting or running export; resolves once its files are gone. */
export async function cancelExport(exportId: string): Promise<FilmExport> {
  const cancelled = await cancel(await findExport(exportId));
  if (!cancelled) throw new AppError('NOT_EXPORTING', 'This export has already ended; load the list again.');
  return broadcastExport(cancelled);
}

/** Deletes an export and its file; cancels it first if it waits or runs. */
export async function deleteExport(exportId: string): Promise<FilmExport> {
  const stored = await findExport(exportId);
  const cancelled = await cancel(stored);
  const wire = cancelled ? await broadcastExport(cancelled) : await toWireExport(await findExport(exportId));
  await Export.deleteOne({ _id: stored._id });
  if (wire.url) await rm(exportFile(path.basename(wire.url)), { force: true });
  return wire;
}

async function cancel(stored: StoredExport): Promise<StoredExport | null> {
  const cancelled = await storeCancelled(stored._id);
  if (!cancelled) return null;
  await stopRendering(String(stored._id));
  await removeWorkFolders(String(stored._id));
  wakeExporter();
  return cancelled;
}

async function findExport(exportId: string): Promise<StoredExport> {
  throwWhilePreparing();
  const found = await Export.findOne({ _id: exportId }).lean<StoredExport>();
  if (!found) throw exportNotFound();
  return found;
}

const wanted = { status: trusted({ $nin: ['failed', 'cancelled'] as const }) };

const findRepeated = (filmId: string, requestId: string) =>
  Export.findOne({ film_id: filmId, request_ids: requestId, ...wanted }).lean<StoredExport>();

/** The export with that recipe; one whose file has been removed is forgotten. */
async function findSame(key: string, given: Partial<ExportOptions>, requestId?: string): Promise<StoredExport | null> {
  const found = await Export.findOne({ key }).lean<StoredExport>();
  if (!found) return null;
  if (found.status === 'completed' && !(found.file && existsSync(exportFile(found.file)))) {
    await Export.deleteOne({ _id: found._id });
    return null;
  }
  return Export.findOneAndUpdate(
    { _id: found._id, key },
    { $set: { given, stored_by: newWriteId() }, ...remember(requestId) },
    { returnDocument: 'after' },
  ).lean<StoredExport>();
}

const requestIdsKept = 64;
const remember = (requestId?: string) =>
  requestId ? { $push: { request_ids: { $each: [requestId], $slice: -requestIdsKept } } } : {};

/** Refuses what is sure to fail: without ffmpeg, a clip, a font, or room on the disk. */
async function checkRenderable(recipe: Recipe, { settings }: StoredFilm): Promise<void> {
  filmProgram(recipe.shots.length > 1 && settings.transition !== 'cut');
  for (const shot of recipe.shots) await fileOfShot(shot);
  if (recipe.music) await fileOfMusic(recipe.music.url);
  const text = recipe.captions === 'burned' ? recipe.shots.map(({ caption }) => caption).join('') : '';
  if (text.trim()) await fontOf(text);
  await checkDisk(recipe.frames * recipe.width * recipe.height * bytesPerPixel);
}

type Made = ReturnType<typeof makeRecipe> & { key: string; given: Partial<ExportOptions>; requestId?: string };

async function create({ _id, title }: StoredFilm, shots: Shot[], made: Made): Promise<StoredExport> {
  const { recipe, options, leftOut, key, given, requestId } = made;
  const { width, height, fps } = recipe;
  try {
    const created = await Export.create({
      film_id: _id,
      given,
      options,
      recipe,
      key,
      request_ids: requestId ? [requestId] : [],
      file_name: toFileName(title, '.mp4', 'Film'),
      duration_s: durationOf(recipe, fps),
      width,
      height,
      fps,
      has_audio: hasAudio(recipe, shots),
      left_out: leftOut,
      stored_by: newWriteId(),
    });
    return created.toObject<StoredExport>();
  } catch (error) {
    const same = isDuplicateKey(error) ? await findSame(key, given, requestId) : null;
    if (!same) throw error;
    return same;
  }
}

/** Whether the film will have sound, as far as the facts of its clips tell. */
function hasAudio({ music, shots: used }: Recipe, shots: Shot[]): boolean {
  const silent = new Set(shots.filter((shot) => clipOf(shot)?.has_audio === false).map(({ _id }) => _id));
  return music !== null || used.some(({ volume, workspace_id: id }) => volume > 0 && !silent.has(id));
}

const nothingToExport = (): AppError =>
  new AppError('NOTHING_TO_EXPORT', 'No shot of this film has a clip or a picture; add one, and export again.');
