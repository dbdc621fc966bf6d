import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { idle, finished } from '../fixtures/workspaces';
import { changeStored } from './stored';
import { create, createFilm, server, tab, type Message } from './tabs';

const clip = path.resolve(__dirname, '../fixtures/clip.mp4');

/** The entries of a zip whose files are stored not compressed, by its central directory as APPNOTE.TXT describes it. */
export function readZip(zip: Buffer): Map<string, Buffer> {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const entries = new Map<string, Buffer>();
  for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    if (zip.readUInt16LE(at + 10) !== 0) throw new Error('an entry is compressed');
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength!);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    entries.set(name, zip.subarray(start, start + zip.readUInt32LE(at + 24)));
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
  return entries;
}

export const unzip = async (file: Buffer, folder: string): Promise<void> => {
  for (const [name, bytes] of readZip(file)) {
    const target = path.join(folder, name);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
};

const uploadsFolder = (): string => path.join(server.folder, 'uploads');

/** Asks for a package and returns its answer with all its bytes. */
export async function askPackage(query: Record<string, string>) {
  const reply = await fetch(`${server.url}/api/export/package?${new URLSearchParams(query)}`);
  const bytes = Buffer.from(await reply.arrayBuffer());
  return { status: reply.status, headers: reply.headers, bytes };
}

let clips = 0;

/** A completed video as it is stored, with its file. */
export async function storedVideo(facts: object = {}, file = clip): Promise<Message> {
  const attemptId = `packed-${++clips}`;
  await copyFile(file, path.join(uploadsFolder(), 'videos', `${attemptId}.mp4`));
  const known = { width: 1280, height: 720, file_duration_s: 2, fps: 25, has_audio: false, size: 1000 };
  return { ...finished(attemptId), ...known, ...facts };
}

/** A film of its own; `settings` as a client sends them. */
export const newFilm = async (title: string, settings: object = {}): Promise<string> =>
  (await createFilm({ title, settings }))._id;

/** A shot of a film with a stored video, takes or picture, and a cut. */
export async function addShot(
  filmId: string,
  { video = idle, takes = [], image_path, prompt = '', cut = {} }: Message,
): Promise<string> {
  const data = { form_data: { prompt }, ...(image_path && { image_path }), cut };
  const { _id } = await create({ film_id: filmId, data });
  await changeStored(server.env.MONGODB_URI!, _id, { video, takes });
  return _id;
}

/** Changes the settings of a film. */
export const setFilm = (filmId: string, settings: object): Promise<Message> =>
  tab.ask({ type: 'film.update', film_id: filmId, updates: { settings } });
