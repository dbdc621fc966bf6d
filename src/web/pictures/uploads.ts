import { newFilmSettings } from '../../contract/defaults';
import type { AspectRatio } from '../../contract/form';
import { ApiError, uploadImage } from '../api';
import { sync } from '../state/connection';
import { ownFilm } from '../state/films';
import { recordCreated } from '../state/history';
import { inherited } from '../state/inherited-form';
import { select } from '../state/selection';
import { edit } from '../state/shots';
import { getState, setState, type PictureField, type Upload } from '../state/store';
import { newId } from '../sync/new-id';
import { faultOf, isHeic } from './picture-files';
import { nearestRatio, ratioOfFile } from './ratio';
import { shrinkPicture } from './shrink';

const atOnce = 3;
const needsAnotherFile = new Set<string>([
  'PICTURE_UNREADABLE',
  'PICTURE_EMPTY',
  'PICTURE_HEIC',
  'PICTURE_TIFF',
  'PICTURE_IS_VIDEO',
  'PICTURE_IS_OTHER',
  'UNSUPPORTED_FILE',
  'IMAGE_UNREADABLE',
  'IMAGE_TOO_BIG',
  'IMAGE_TOO_SMALL',
  'FILE_TOO_LARGE',
]);
const waiting: (() => Promise<void>)[] = [];
let running = 0;

/** What is kept of a picture that waits for the server. */
export type KeptUpload = Pick<Upload, 'id' | 'file' | 'after' | 'replaces' | 'field'>;

/** Makes a shot of each picture, in order, at place `index` of the timeline; default the end. */
export function addPictures(files: File[], index = getState().ids.length): void {
  const { ids, uploads: others, selectedId } = getState();
  let after = ids[index - 1] ?? null;
  const isFirst = ids.length === 0 && others.length === 0;
  const ratio = isFirst && files[0] ? ratioOfFile(files[0]) : undefined;
  const drop = { id: newId(), firstId: '', selectedId, ratio };
  const uploads = files.map((file) => {
    const upload = { ...newUpload(file, after), drop };
    drop.firstId ||= upload.id;
    after = upload.id;
    return upload;
  });
  start(uploads);
  setState({ revealedId: drop.firstId, filter: 'all' });
}

/** Gives a shot another picture; undoable. */
export function replacePicture(id: string, file: File, field: PictureField = 'image_path'): void {
  getState()
    .uploads.filter((upload) => upload.replaces === id && fieldOf(upload) === field && upload.phase === 'failed')
    .forEach(removeUpload);
  start([{ ...newUpload(file, id), replaces: id, field }]);
}

/** Which picture of its shot an upload is to be. */
export const fieldOf = ({ field = 'image_path' }: Upload): PictureField => field;

export function retryUpload({ id }: Upload): void {
  change(id, { phase: 'shrinking', part: 0, error: undefined });
  enqueue(id);
}

/** Whether a picture waits for the server, and is sent by itself when that is back. */
export const isWaiting = ({ phase, error }: Upload): boolean => phase === 'failed' && error === 'PICTURE_WAITS';

export function retryWaiting(): void {
  getState().uploads.filter(isWaiting).forEach(retryUpload);
}

/** Goes on with a picture of a page that is gone; under its id it makes one shot, however often that is tried. */
export function resumeUpload({ id, file, after, replaces, field }: KeptUpload): void {
  const { byId, uploads } = getState();
  if (byId[id] || uploads.some((upload) => upload.id === id)) return;
  start([{ ...newUpload(file, after), id, replaces, field }]);
}

export function removeUpload(upload: Upload): void {
  URL.revokeObjectURL(upload.previewUrl);
  setState(({ uploads }) => ({
    // What stood behind it now stands behind what it stood behind.
    uploads: uploads
      .filter(({ id }) => id !== upload.id)
      .map((other) => (other.after === upload.id ? { ...other, after: upload.after } : other)),
  }));
}

/** Whether a picture is not on the server but can come there: it is on its way, or another try may help. */
export const canBeStored = ({ phase, error }: Upload): boolean =>
  phase !== 'failed' || !error || !needsAnotherFile.has(error);

const newUpload = (file: File, after: string | null): Upload => ({
  id: newId(),
  file,
  after,
  phase: 'shrinking',
  part: 0,
  previewUrl: URL.createObjectURL(file),
});

function start(started: Upload[]): void {
  setState(({ uploads }) => ({ uploads: [...uploads, ...started] }));
  started.forEach(({ id }) => enqueue(id));
}

function enqueue(id: string): void {
  waiting.push(() => send(id));
  next();
}

function next(): void {
  if (running >= atOnce) return;
  const work = waiting.shift();
  if (!work) return;
  running++;
  void work().finally(() => {
    running--;
    next();
  });
  next();
}

async function send(id: string): Promise<void> {
  const upload = find(id);
  if (!upload) return;
  try {
    const picture = await shrinkPicture(upload.file);
    change(id, { phase: 'uploading' });
    const { image_path: path, ...size } = await uploadImage(picture, (part) => change(id, { part }));
    const ratio = (await upload.drop?.ratio) ?? nearestRatio(size);
    land(find(id) ?? upload, path, ratio);
  } catch (error) {
    change(id, { phase: 'failed', error: await reasonOf(error, upload.file) });
  }
}

async function reasonOf(error: unknown, file: File): Promise<Upload['error']> {
  // One that can no longer be read, such as a file that was moved away, is a damaged one too.
  if (!(error instanceof ApiError)) return faultOf(file).catch(() => 'PICTURE_UNREADABLE');
  if (error.code === 'NETWORK') return 'PICTURE_WAITS';
  const isRefusedAsPicture = error.code === 'IMAGE_UNREADABLE' || error.code === 'UNSUPPORTED_FILE';
  return isRefusedAsPicture && (await isHeic(file)) ? 'PICTURE_HEIC' : error.code;
}

function land(upload: Upload, path: string, ownRatio: AspectRatio): void {
  const { id, replaces, drop } = upload;
  if (replaces) {
    edit(replaces, { [fieldOf(upload)]: path });
    return removeUpload(upload);
  }
  const place = placeOf(upload);
  const { ids, byId, uploads, selectedId } = getState();
  const neighbour = byId[ids[place - 1] ?? ids[0] ?? ''];
  const form = neighbour
    ? { aspect_ratio: neighbour.form_data.aspect_ratio, ...inherited(neighbour.form_data) }
    : { aspect_ratio: ratioOfFilm(ownRatio) };
  // The shot takes the id of its upload, so that the card stays where it is, and what follows it finds it.
  setState({ uploads: uploads.filter((other) => other.id !== id) });
  sync.create({ image_path: path, form_data: form }, id, ids[place]);
  recordCreated(id, drop?.id ?? id);
  // Not where another shot was chosen meanwhile.
  if (id === drop?.firstId && (drop.selectedId === null || selectedId === drop.selectedId)) select(id);
  URL.revokeObjectURL(upload.previewUrl);
}

/** The ratio of the first shot: a film whose format nobody has chosen takes that of its first picture. */
function ratioOfFilm(ofPicture: AspectRatio): AspectRatio {
  const film = ownFilm();
  if (!film) return ofPicture;
  const ofFilm = film.settings.aspect_ratio;
  if (ofFilm !== newFilmSettings.aspect_ratio) return ofFilm;
  if (ofPicture !== ofFilm) sync.films.update(film._id, { 'settings.aspect_ratio': ofPicture });
  return ofPicture;
}

/** Where an upload lands: behind the nearest predecessor that is a shot by now. */
function placeOf(upload: Upload): number {
  const { ids, uploads } = getState();
  let { after } = upload;
  while (after && !ids.includes(after)) {
    const before = uploads.find(({ id }) => id === after);
    if (!before) return ids.length;
    after = before.after;
  }
  return after ? ids.indexOf(after) + 1 : 0;
}

const find = (id: string): Upload | undefined => getState().uploads.find((upload) => upload.id === id);

function change(id: string, values: Partial<Upload>): void {
  setState(({ uploads }) => ({
    uploads: uploads.map((upload) => (upload.id === id ? { ...upload, ...values } : upload)),
  }));
}
