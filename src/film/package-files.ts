import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ErrorDetail } from '../contract/errors';
import type { FilmSettings } from '../contract/film';
import type { Video } from '../contract/video';
import type { Workspace } from '../contract/workspace';
import { sizeOfImage } from '../media/images';
import { lengthOfAudio } from '../media/audio';
import { fileOfUrl } from '../media/uploads';
import { AppError } from '../utils/errors';
import { toNumberedName } from '../utils/file-name';
import { clipOf } from '../contract/continuity';
import { lengthOf, type Plan, type PlannedShot } from './plan';
import type { Media, Music } from './sequence';

/** A file of ours and its place in a package. */
export type PackedFile = { path: string; file: string; owner: string };
/** The same, once it has been seen on the disk. */
export type FoundFile = PackedFile & { size: number };

/** In which folders of a package the files are. */
export type Folders = { clips: string; pictures: string; music: string };

/** The clip or picture of each planned shot, named by the place of its shot in the film. */
export function shotFiles(workspaces: Workspace[], plan: Plan, folders: Folders): PackedFile[] {
  return plan.shots.map(({ shot, clip }) => {
    const place = workspaces.findIndex(({ _id }) => _id === shot._id) + 1;
    const workspace = workspaces[place - 1]!;
    const url = clip?.url ?? shot.image_url ?? '';
    const name = toNumberedName(place, workspaces.length, wordsOf(workspace, clip), path.extname(url).slice(1));
    return { path: `${clip ? folders.clips : folders.pictures}/${name}`, file: fileOfUrl(url), owner: shot._id };
  });
}

/** The takes of each shot beside the clip on show, in a folder by the place of the shot. */
export function takeFiles(workspaces: Workspace[]): PackedFile[] {
  const digits = Math.max(2, String(workspaces.length).length);
  return workspaces.flatMap((workspace, index) => {
    const others = workspace.takes.filter((take) => take !== clipOf(workspace));
    const folder = `takes/${String(index + 1).padStart(digits, '0')}`;
    return others.map((take, place) => ({
      path: `${folder}/${toNumberedName(place + 1, others.length, wordsOf(workspace, take), 'mp4')}`,
      file: fileOfUrl(take.url ?? ''),
      owner: workspace._id,
    }));
  });
}

/** The music of a film; null for none, and for music that cannot be heard. */
export function musicFile({ music_url: url, music_volume: volume }: FilmSettings, folders: Folders): PackedFile | null {
  if (!url || volume === 0) return null;
  return { path: `${folders.music}/music${path.extname(url)}`, file: fileOfUrl(url), owner: 'settings.music_path' };
}

/** Looks for all files before the first byte is sent; throws CLIP_MISSING with the owner of each that is gone. */
export async function findAll(files: PackedFile[]): Promise<FoundFile[]> {
  const sizes = await Promise.all(files.map(({ file }) => sizeOf(file)));
  const missing = files.filter((_, index) => sizes[index] === null);
  if (missing.length > 0) throw clipMissing(missing);
  return files.map((file, index) => ({ ...file, size: sizes[index]! }));
}

const sizeOf = (file: string): Promise<number | null> =>
  stat(file).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );

function clipMissing(missing: PackedFile[]): AppError {
  const owners = [...new Set(missing.map(({ owner }) => owner))];
  const details = owners.map((owner): ErrorDetail => ({ path: owner, message: 'has a file that is gone' }));
  const message =
    'A file of this film is missing on the server; generate its shot again or choose another take or music, then export once more.';
  return new AppError('CLIP_MISSING', message, { details });
}

/** What the formats say about the file of a planned shot. */
export async function mediaOf({ clip, shot }: PlannedShot, { path: place, file }: PackedFile): Promise<Media> {
  if (clip) {
    const { width, height, fps } = clip;
    return {
      path: place,
      width,
      height,
      lengthS: lengthOf(clip, shot.form_data),
      fps,
      hasAudio: clip.has_audio ?? false,
    };
  }
  // Editors find out themselves what could not be read.
  const size = await sizeOfImage(file).catch(() => ({ width: null, height: null }));
  return { path: place, ...size, lengthS: null, fps: null, hasAudio: false };
}

/** What the formats say about the music. */
export async function musicOf({ path: place, file }: PackedFile, signal: AbortSignal): Promise<Music> {
  const lengthS = await lengthOfAudio(file, signal);
  return { path: place, width: null, height: null, lengthS, fps: null, hasAudio: true };
}

/** What a shot is called: the prompt of its clip, else its own words. */
const wordsOf = ({ form_data: form, cut }: Workspace, clip: Video | null): string =>
  clip?.form_data?.prompt || form.prompt || cut.caption;
