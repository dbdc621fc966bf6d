import { randomBytes } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { BoundedMap } from '../utils/bounded-map';
import { moveDurably } from '../utils/durable-file';
import { AppError } from '../utils/errors';
import { createLimit } from '../utils/queue';
import { audioKinds, sniffAudio, type AudioExt, type Sniffed } from './audio-type';
import { ffmpegPath, ffmpegProblem } from './ffmpeg';
import { inputOf, probe, runQuietly } from './probe';
import { draftOf, uploadFolder } from './uploads';

const decodesAtOnce = 2;
/** Below the time after which Nginx gives up an answer; enough for hours of sound. */
const decodeTimeoutMs = 60_000;
/** Samples of one channel are counted at a low rate of two bytes each, which is exact to an eighth of a millisecond. */
const countedRate = 8000;
const countedBytes = 2;
/** The highest bitrate of an MP3, 320 kbit/s (ISO 11172-3), in bytes. */
const mp3BytesPerS = 40_000;
/** In noise ffmpeg finds a frame by chance now and then, which is no sound; a damaged file still has more of it than this. */
const minSoundShare = 0.1;
const acceptedFormats = 'MP3, WAV, M4A, AAC, OGG or FLAC';

const limited = createLimit(decodesAtOnce);
const lengthsKept = 100;
const lengths = new BoundedMap<string, number>(lengthsKept);

export type StoredAudio = {
  audio_path: string;
  audio_url: string;
  /** The length of what decodes, to the millisecond. */
  duration_s: number;
  size: number;
  mime: string;
};

/** Moves an uploaded sound file to a random name, once it was decoded to its end; throws the sentence to show. */
export async function storeAudio(uploaded: string, signal: AbortSignal): Promise<StoredAudio> {
  const sniffed = await sniffFile(uploaded);
  if (!sniffed) throw unsupported(`This file is not ${acceptedFormats} sound; send one of these.`);
  const { ext, soundAt } = sniffed;
  const duration_s = await limited(() => decode(uploaded, ext, signal));
  const { size } = await stat(uploaded);
  if (ext === 'mp3' && duration_s < ((size - soundAt) / mp3BytesPerS) * minSoundShare)
    throw unreadable(new Error(`only ${duration_s} s of ${size} bytes were decoded`));
  const name = `${randomBytes(16).toString('hex')}.${ext}`;
  const file = path.join(uploadFolder('audio'), name);
  await moveDurably(uploaded, file, draftOf(file));
  return {
    audio_path: `uploads/audio/${name}`,
    audio_url: `/uploads/audio/${name}`,
    duration_s,
    size,
    mime: audioKinds[ext].mime,
  };
}

/** The length of stored music in seconds: of what decodes, which is the same at each reading. */
export async function lengthOfAudio(file: string, signal: AbortSignal): Promise<number> {
  const known = lengths.get(file);
  if (known !== undefined) return known;
  const lengthS = await limited(() => decode(file, path.extname(file).slice(1) as AudioExt, signal));
  lengths.set(file, lengthS);
  return lengthS;
}

async function sniffFile(file: string): Promise<Sniffed | null> {
  const handle = await open(file, 'r');
  try {
    return await sniffAudio(handle);
  } finally {
    await handle.close();
  }
}

/** Decodes the sound of a file to its end, as a header may claim anything; returns its length in seconds. */
async function decode(file: string, ext: AudioExt, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const program = ffmpegPath();
  if (!program) {
    const message = `Sound cannot be checked here: ${ffmpegProblem()}.`;
    throw new AppError('INTERNAL', message);
  }
  const { demuxer } = audioKinds[ext];
  const { audio, video } = await probe(program, file, { signal, demuxer }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreadable(error);
  });
  if (video && !video.isPicture)
    throw unsupported(`This file is a video; send its sound alone, as ${acceptedFormats}.`);
  if (!audio) throw unreadable(new Error('ffmpeg found no sound in the file'));

  let bytes = 0;
  const output = ['-map', '0:a:0', '-af', 'pan=mono|c0=c0', '-ar', String(countedRate), '-f', 's16le', '-'];
  const { endedBy, stderr } = await runQuietly(program, ['-v', 'error', ...inputOf(file, demuxer), ...output], {
    signal,
    timeoutMs: decodeTimeoutMs,
    onBytes: (piece) => (bytes += piece.length),
  });
  if (endedBy === 'SIGKILL') throw tooLong();
  const duration_s = Math.round((bytes / countedBytes / countedRate) * 1000) / 1000;
  if (endedBy || duration_s === 0) throw unreadable(new Error(`nothing was decoded: ${stderr.trim()}`));
  return duration_s;
}

const unsupported = (message: string) => new AppError('UNSUPPORTED_FILE', message);

const unreadable = (cause: unknown) =>
  new AppError('AUDIO_UNREADABLE', 'The file is damaged or holds no sound; export it again and send it once more.', {
    cause,
  });

const tooLong = () =>
  new AppError('AUDIO_UNREADABLE', 'The sound could not be read within a minute; send a shorter file.');
