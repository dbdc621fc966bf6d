import { getState, useStore, type Upload } from '../state/store';
import { newId } from '../sync/new-id';
import { browserLock, indexedDbStorage } from '../sync/storage';
import { isWaiting, resumeUpload, retryWaiting, type KeptUpload } from './uploads';

type Kept = KeptUpload & {
  /** The film that it is for; default: the default one. */
  filmId?: string | null;
};

const retryMs = 15_000;
/** A page that is being closed releases its lock a moment later. */
const adoptAfterMs = [0, 500, 2000];
const page = `pictures-${newId()}`;
const kept = new Set<string>();
/** Pages that are gone, whose locks this one holds. */
const heirOf = new Set<string>();
const storage = indexedDbStorage('timeline-pictures', 'waiting');

/** Sends pictures that wait for the server when that is back, and keeps them over a reload until then. */
export function watchWaitingPictures(): void {
  useStore.subscribe(({ state, uploads }, before) => {
    if (before.state === 'offline' && state !== 'offline') retryWaiting();
    if (uploads !== before.uploads) keepInStep(uploads);
  });
  window.addEventListener('online', retryWaiting);
  // Also where only the uploads do not come through.
  setInterval(() => getState().state !== 'offline' && retryWaiting(), retryMs);
  void adopt().catch(() => undefined);
}

function keepInStep(uploads: Upload[]): void {
  for (const upload of uploads) if (isWaiting(upload) && !kept.has(upload.id)) void keep(upload).catch(() => undefined);
  for (const id of kept) {
    if (uploads.some((upload) => upload.id === id)) continue;
    kept.delete(id);
    void storage.delete(keyOf(id)).catch(() => undefined);
  }
}

async function keep({ id, file, after, replaces, field }: Kept): Promise<void> {
  kept.add(id);
  await storage.set(keyOf(id), { id, file, after, replaces, field, filmId: getState().filmId } satisfies Kept);
}

/** Goes on with the pictures that pages of this film which are gone have kept. */
async function adopt(): Promise<void> {
  await browserLock(page);
  await filmsKnown();
  for (const waitMs of adoptAfterMs) {
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const names = (await storage.keys()).filter((name) => !name.startsWith(page));
    if (names.length === 0) return;
    for (const name of names) await adoptOne(name);
  }
}

async function adoptOne(name: string): Promise<void> {
  // Before the lock, which another page of that film could not take any more.
  if (!isOfThisFilm((await storage.get(name)) as Kept | undefined)) return;
  if (!(await isGone(name.split(' ')[0]!))) return;
  const picture = (await storage.get(name)) as Kept | undefined;
  if (!picture) return;
  resumeUpload(picture);
  // First the copy, then the original: it may be there twice for a moment, and is never lost.
  await keep(picture);
  await storage.delete(name);
}

function isOfThisFilm(picture: Kept | undefined): boolean {
  const { filmId, films } = getState();
  return picture !== undefined && (picture.filmId ?? films.find((film) => film.is_default)?._id) === filmId;
}

function filmsKnown(): Promise<void> {
  if (getState().areFilmsLoaded) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = useStore.subscribe(({ areFilmsLoaded }) => {
      if (!areFilmsLoaded) return;
      stop();
      resolve();
    });
  });
}

/** Whether a page is gone; from then on, this one holds its lock. */
async function isGone(owner: string): Promise<boolean> {
  if (!heirOf.has(owner) && !(await browserLock(owner))) return false;
  heirOf.add(owner);
  return true;
}

const keyOf = (id: string): string => `${page} ${id}`;
