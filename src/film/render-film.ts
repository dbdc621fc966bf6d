import { createHash } from 'node:crypto';
import { rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cachedFile, checkDisk, diskFull, freeBytes, isCached } from '../media/exports';
import { countFrames } from '../media/file-facts';
import { probe, runQuietly, type Description } from '../media/probe';
import { fileOfUrl } from '../media/uploads';
import { AppError } from '../utils/errors';
import { syncFile } from '../utils/durable-file';
import { createLimit } from '../utils/queue';
import { captionPicture, fontOf } from './caption-picture';
import { toPieces, type Piece } from './pieces';
import { captionsOf } from './plan';
import type { Recipe, RecipeShot } from '../db/export';
import * as render from './render';
import { toPlainSrt } from './srt';

/** Of the whole work, what sound and joining take. */
const joinShare = 0.1;
const diskCheckMs = 500;
/** An encoder alone leaves a core idle at the beginning and the end of each piece. */
const atOnce = 2;
/** A cautious guess of what one encoded pixel takes. */
const bytesPerPixel = 0.02;
/** Changes with the settings of the encoder, so that older pieces are not joined with newer ones. */
const cacheVersion = 2;

type Wanted = {
  program: { file: string; version: string };
  /** The folder of this run. */
  folder: string;
  signal: AbortSignal;
  onProgress: (progress: number) => void;
};
type Rendering = Wanted & { probed: Map<string, Description> };

/** Makes the file of a film in the folder of the run; returns it with its size, checked and safe from a power cut. */
export async function renderFilm(recipe: Recipe, wanted: Wanted) {
  const run: Rendering = { ...wanted, probed: new Map() };
  const pieces = toPieces(recipe);
  const pictures = await encodePictures(recipe, pieces, run);
  const sound = await mixSound(recipe, pieces, run);
  const file = path.join(run.folder, 'film.mp4');
  await joinAll(recipe, pictures, sound, file, run);
  run.signal.throwIfAborted();
  const { frames } = await countFrames(run.program.file, file, run.signal);
  if (frames !== recipe.frames) throw new Error(`the film has ${frames} frames instead of ${recipe.frames}`);
  await syncFile(file);
  const { size } = await stat(file);
  return { file, size, hasAudio: sound !== null };
}

/** The file of a shot; throws CLIP_MISSING when it is gone. */
export async function fileOfShot({ workspace_id: id, url, kind }: RecipeShot): Promise<{ file: string; id: string }> {
  const file = fileOfUrl(url);
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) {
    const message = `The ${kind} of shot ${id} is no longer on the disk of the server; restore it from a backup, or choose another one.`;
    throw new AppError('CLIP_MISSING', message, { details: [{ path: id, message }] });
  }
  return { file, id: `${url} ${found.size} ${found.mtimeMs}` };
}

type Made = { file: string; frames: number };

/** Encodes what is not in the cache. */
async function encodePictures(recipe: Recipe, pieces: Piece[], run: Rendering): Promise<Made[]> {
  const named = [];
  for (const piece of pieces) {
    const name = `${await pictureKey(recipe, piece, run)}.mp4`;
    named.push({ piece, name, isThere: await isCached(name) });
  }
  const missing = new Map(named.filter(({ isThere }) => !isThere).map(({ name, piece }) => [name, piece]));
  const total = [...missing.values()].reduce((sum, { frames }) => sum + frames, 0) + joinShare * recipe.frames;
  const bytesPerFrame = recipe.width * recipe.height * bytesPerPixel;
  const done = new Map<string, number>();
  const report = (name: string, frame: number) => {
    done.set(name, frame);
    run.onProgress([...done.values()].reduce((sum, frames) => sum + frames, 0) / total);
  };
  let bytes = 0;
  for (const { name, isThere } of named) if (isThere) bytes += (await stat(cachedFile(name))).size;
  await runTogether([...missing], run, async ([name, piece], part) => {
    // The joined film takes once more what its pieces take.
    await checkDisk(bytes + 2 * atOnce * piece.frames * bytesPerFrame);
    await encodePiece(recipe, piece, name, part, (frame) => report(name, frame));
    bytes += (await stat(cachedFile(name))).size;
  });
  await checkDisk(bytes);
  return named.map(({ name, piece }) => ({ file: cachedFile(name), frames: piece.frames }));
}

/** Works on a few items at a time; the first failure ends the others. */
async function runTogether<Item>(items: Item[], run: Rendering, work: (item: Item, part: Rendering) => Promise<void>) {
  const failed = new AbortController();
  const part = { ...run, signal: AbortSignal.any([run.signal, failed.signal]) };
  const limited = createLimit(atOnce);
  await Promise.allSettled(
    items.map((item) =>
      limited(async () => {
        part.signal.throwIfAborted();
        await work(item, part).catch((error: unknown) => {
          failed.abort(error);
          throw error;
        });
      }),
    ),
  );
  run.signal.throwIfAborted();
  failed.signal.throwIfAborted();
}

async function pictureKey(recipe: Recipe, piece: Piece, { program }: Rendering): Promise<string> {
  const { width, height, fps, fit } = recipe;
  const caption = burnedCaption(recipe, piece);
  const font = caption && (await fontOf(caption));
  const shots = await Promise.all(shotsOf(piece).map(async (shot) => [(await fileOfShot(shot)).id, shot.from_s]));
  const { kind, from, frames } = piece;
  const fades = piece.kind === 'body' ? [piece.fadeIn, piece.fadeOut] : [];
  return hash([program.version, width, height, fps, fit, caption, font, shots, kind, from, frames, fades]);
}

const burnedCaption = ({ captions }: Recipe, piece: Piece): string =>
  piece.kind === 'body' && captions === 'burned' ? piece.shot.caption : '';

const shotsOf = (piece: Piece): RecipeShot[] => (piece.kind === 'body' ? [piece.shot] : [piece.before, piece.after]);

const hash = (parts: unknown[]): string =>
  createHash('sha256')
    .update(JSON.stringify([cacheVersion, ...parts]))
    .digest('hex')
    .slice(0, 40);

async function encodePiece(recipe: Recipe, piece: Piece, name: string, run: Rendering, onFrame: OnFrame) {
  const [first, second] = await Promise.all(shotsOf(piece).map((shot) => describe(shot, run)));
  const text = burnedCaption(recipe, piece);
  const caption = text ? path.join(run.folder, `${name}.png`) : null;
  if (caption) await writeFile(caption, await captionPicture(text, recipe.width, recipe.height));
  const draft = path.join(run.folder, name);
  let frames = 0;
  const count: OnFrame = (frame) => onFrame((frames = frame));
  await runStep(render.pictureParameters(piece, recipe, [first!, second], caption), draft, run, { onFrame: count });
  if (frames !== piece.frames) throw new Error(`a piece has ${frames} frames instead of ${piece.frames}`);
  await rename(draft, cachedFile(name));
}

async function describe(shot: RecipeShot, run: Rendering): Promise<render.Source> {
  const { file } = await fileOfShot(shot);
  const { video } = await probeOnce(file, run);
  return { file, video };
}

/** What ffmpeg says about a file, asked once a run. */
async function probeOnce(file: string, { program, signal, probed }: Rendering): Promise<Description> {
  const known = probed.get(file) ?? (await probe(program.file, file, { signal }));
  probed.set(file, known);
  return known;
}

/** The encoded sound of the film, from the cache if all of it is as before; null if nothing in it sounds. */
async function mixSound(recipe: Recipe, pieces: Piece[], run: Rendering): Promise<string | null> {
  const parts: (Made & { isSilent: boolean })[] = [];
  for (const piece of pieces) parts.push(await soundOf(recipe, piece, run));
  const count = parts.filter(({ isSilent }) => !isSilent).length;
  const { music, frames, fps } = recipe;
  if (count === 0 && !music) return null;
  const musicFile = music && (await fileOfMusic(music.url));
  const name = `${hash([run.program.version, parts.map(({ file }) => path.basename(file)), music, frames, fps])}.m4a`;
  if (await isCached(name)) return cachedFile(name);
  const list = count > 0 ? path.join(run.folder, 'sounds.txt') : null;
  if (list) await writeFile(list, render.concatList(parts, fps));
  const mixed = path.join(run.folder, 'sound.wav');
  const stderr = await runStep(render.mixParameters(recipe, list, musicFile), mixed, run, { level: 'info' });
  const loudness = music || count > 1 ? render.readLoudness(stderr) : null;
  const filter = loudness && render.loudnessFilter(loudness, render.samplesOf(frames, fps));
  await makeCached(name, render.encodeSoundParameters(mixed, filter), run);
  return cachedFile(name);
}

/** The file of the music; throws CLIP_MISSING when it is gone. */
export async function fileOfMusic(url: string): Promise<string> {
  const file = fileOfUrl(url);
  const isThere = await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isThere) return file;
  throw new AppError(
    'CLIP_MISSING',
    'The music of this film is no longer on the disk of the server; choose it again, or remove it from the film.',
  );
}

/** The sound of a piece from the cache, where an empty file stands for silence. */
async function soundOf({ fps }: Recipe, piece: Piece, run: Rendering): Promise<Made & { isSilent: boolean }> {
  const shots = shotsOf(piece);
  const ids = await Promise.all(shots.map(async (shot) => [(await fileOfShot(shot)).id, shot.from_s, shot.volume]));
  const name = hash([piece.kind, fps, piece.from, piece.frames, ids]);
  const { frames } = piece;
  if (await isCached(`${name}.wav`)) return { file: cachedFile(`${name}.wav`), frames, isSilent: false };
  if (!(await isCached(`${name}.silent`))) {
    const hasSound = await Promise.all(shots.map((shot) => isHeard(shot, run)));
    if (hasSound.includes(true)) {
      const files = await Promise.all(shots.map(async (shot) => (await fileOfShot(shot)).file));
      await makeCached(`${name}.wav`, render.soundParameters(piece, fps, files, hasSound), run);
      return { file: cachedFile(`${name}.wav`), frames, isSilent: false };
    }
    await writeFile(cachedFile(`${name}.silent`), '');
  }
  const silence = `silence-${render.samplesOf(frames, fps)}.wav`;
  if (!(await isCached(silence)))
    await makeCached(silence, render.silenceParameters(render.samplesOf(frames, fps)), run);
  return { file: cachedFile(silence), frames, isSilent: true };
}

async function isHeard(shot: RecipeShot, run: Rendering): Promise<boolean> {
  if (shot.kind === 'picture' || shot.volume === 0) return false;
  const { audio } = await probeOnce((await fileOfShot(shot)).file, run);
  return audio !== null;
}

async function makeCached(name: string, parameters: string[], run: Rendering): Promise<void> {
  const draft = path.join(run.folder, name);
  await runStep(parameters, draft, run);
  await rename(draft, cachedFile(name));
}

async function joinAll(recipe: Recipe, pictures: Made[], sound: string | null, file: string, run: Rendering) {
  const list = path.join(run.folder, 'pictures.txt');
  await writeFile(list, render.concatList(pictures, recipe.fps));
  const text = recipe.captions === 'track' ? toPlainSrt(captionsOf(recipe.shots), recipe.fps) : '';
  const captions = text ? path.join(run.folder, 'captions.srt') : null;
  if (captions) await writeFile(captions, text);
  const parts = { pictures: list, sound, captions };
  await runStep(render.joinParameters(recipe.fps, parts), file, run);
}

type OnFrame = (frame: number) => void;
type How = { level?: 'error' | 'info'; onFrame?: OnFrame };

/** Runs ffmpeg once, and ends it before the disk is full; returns what it wrote to stderr. */
async function runStep(parameters: string[], file: string, run: Rendering, how: How = {}): Promise<string> {
  const { level = 'error', onFrame } = how;
  const full = new AbortController();
  const signal = AbortSignal.any([run.signal, full.signal]);
  const watch = setInterval(
    () =>
      void freeBytes().then(
        (bytes) => bytes < 0 && full.abort(),
        () => undefined,
      ),
    diskCheckMs,
  );
  const onLine = (line: string) => {
    const frame = Number(/^frame=\s*(\d+)/.exec(line)?.[1]);
    if (frame > 0) onFrame?.(frame);
  };
  const every = ['-hide_banner', '-nostats', '-progress', 'pipe:1', '-v', level, '-y', ...parameters, file];
  try {
    const { code, endedBy, stderr } = await runQuietly(run.program.file, every, { signal, onLine });
    if (code === 0) return stderr;
    if (stderr.includes('No space left')) throw diskFull();
    throw new Error(`ffmpeg ended with ${code ?? endedBy}: ${stderr.trim().slice(-2000)}`);
  } catch (error) {
    if (full.signal.aborted && !run.signal.aborted) throw diskFull();
    throw error;
  } finally {
    clearInterval(watch);
  }
}
