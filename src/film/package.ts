import type { Workspace } from '../contract/workspace';
import type { StoredFilm } from '../db/film';
import { findShots } from '../db/find-workspaces';
import { prepareJpeg } from '../media/images';
import { fileOfUrl } from '../media/uploads';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import type { ZipEntry } from '../utils/zip';
import type { DraftApp } from './draft-materials';
import { draftPlace } from './drafts-folder';
import { toFcp7Xml } from './fcp7-xml';
import { toFileName } from '../utils/file-name';
import { toDraft } from './jianying-draft';
import { toManifest } from './manifest';
import { toOtio } from './otio';
import { toWireFilmOf } from './overview';
import { findAll, mediaOf, musicFile, musicOf, shotFiles, takeFiles, type FoundFile } from './package-files';
import { planFilm, sizeOf, type Plan } from './plan';
import { toSequence, type Sequence } from './sequence';
import { toSrt } from './srt';

/** What goes into a package. */
export type PackageKind = { format: 'editor'; takes: 'chosen' | 'all' } | { format: DraftApp; draftsFolder: string };

/** A film on its way into a package: `shotFiles` has the file of each planned shot. */
type Packing = {
  film: StoredFilm;
  workspaces: Workspace[];
  plan: Plan;
  shotFiles: FoundFile[];
  music: FoundFile | null;
  takes: FoundFile[];
  sequence: Sequence;
};

const untitled = 'Film';
const coverSide = 1280;
const coverMaxBytes = 1024 ** 2;
const inEditor = { clips: 'clips', pictures: 'pictures', music: 'music' };
const inDraft = { clips: 'media', pictures: 'media', music: 'media' };

/** The readable name and the files of a package; throws NOTHING_TO_EXPORT, or CLIP_MISSING when a file is gone. */
export async function packageFilm(
  film: StoredFilm,
  kind: PackageKind,
  signal: AbortSignal,
): Promise<{ fileName: string; entries: ZipEntry[] }> {
  const packing = await pack(film, kind, signal);
  const entries = kind.format === 'editor' ? await editorEntries(packing) : await draftEntries(packing, kind);
  return { fileName: toFileName(film.title, '.zip', untitled), entries };
}

async function pack(film: StoredFilm, kind: PackageKind, signal: AbortSignal): Promise<Packing> {
  const { settings, title } = film;
  const workspaces = await findShots(String(film._id));
  const plan = planFilm(workspaces, settings);
  if (plan.shots.length === 0) throw nothingToExport();
  const folders = kind.format === 'editor' ? inEditor : inDraft;
  const music = musicFile(settings, folders);
  const takes = kind.format === 'editor' && kind.takes === 'all' ? takeFiles(workspaces) : [];
  const wanted = shotFiles(workspaces, plan, folders);
  const found = await findAll([...wanted, ...takes, ...(music ? [music] : [])]);
  const media = await Promise.all(plan.shots.map((shot, index) => mediaOf(shot, wanted[index]!)));
  const sequence = toSequence(plan, media, {
    title: title || untitled,
    settings,
    ...sizeOf(settings.aspect_ratio, settings.resolution),
    music: music && (await musicOf(music, signal)),
  });
  return {
    film,
    workspaces,
    plan,
    sequence,
    shotFiles: found.slice(0, wanted.length),
    takes: found.slice(wanted.length, wanted.length + takes.length),
    music: music && found.at(-1)!,
  };
}

async function editorEntries({ film, workspaces, sequence, ...files }: Packing): Promise<ZipEntry[]> {
  const placeOf = new Map(files.shotFiles.map(({ owner, path }) => [owner, path]));
  const manifest = toManifest(await toWireFilmOf(film), workspaces, placeOf, files.music?.path ?? null);
  return [
    textEntry('manifest.json', manifest),
    textEntry('timeline.otio', toOtio(sequence)),
    textEntry('timeline.xml', toFcp7Xml(sequence)),
    textEntry('captions.srt', toSrt(sequence.captions, sequence.settings.fps)),
    ...mediaEntries(files, ''),
  ];
}

/** The timeline under both names, since 6.0 and macOS read one, and 5.x the other. */
async function draftEntries(packing: Packing, kind: { format: DraftApp; draftsFolder: string }): Promise<ZipEntry[]> {
  const { film, sequence } = packing;
  const name = toFileName(film.title, '', untitled);
  const { timeline, meta } = toDraft(sequence, draftPlace(kind.draftsFolder, kind.format, name));
  const cover = await coverOf(packing);
  return [
    textEntry(`${name}/draft_info.json`, timeline),
    textEntry(`${name}/draft_content.json`, timeline),
    textEntry(`${name}/draft_meta_info.json`, meta),
    ...(cover ? [{ name: `${name}/draft_cover.jpg`, bytes: cover }] : []),
    ...mediaEntries(packing, `${name}/`),
  ];
}

const mediaEntries = (files: Pick<Packing, 'shotFiles' | 'takes' | 'music'>, folder: string): ZipEntry[] =>
  [...files.shotFiles, ...files.takes, ...(files.music ? [files.music] : [])].map(({ path, file, size }) => ({
    name: folder + path,
    file,
    size,
  }));

const textEntry = (name: string, text: string): ZipEntry => ({ name, bytes: Buffer.from(text) });

/** The first picture as the app lists the draft; null, and logged, when it cannot be read. */
async function coverOf({ film, plan }: Packing): Promise<Buffer | null> {
  const { clip, shot } = plan.shots[0]!;
  const url = clip?.poster_url ?? shot.image_url;
  if (!url) return null;
  try {
    return await prepareJpeg(fileOfUrl(url), { longestSide: coverSide, maxBytes: coverMaxBytes });
  } catch (error) {
    logger.warn('cover of a draft not made', { film_id: String(film._id), error });
    return null;
  }
}

const nothingToExport = (): AppError =>
  new AppError('NOTHING_TO_EXPORT', 'No shot of this film has a clip or a picture; add one, then export again.');
