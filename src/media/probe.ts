import { setPriority } from 'node:os';
import { logger } from '../utils/logger';
import { runFfmpeg, type Run } from './ffmpeg-process';

const probeTimeoutMs = 30_000;
/** Enough for ffmpeg's description of a file, or its last lines before a failure. */
const maxStderrLength = 64 * 1024;
/** The nice value of ffmpeg behind everything else on the machine. */
const lowPriority = 15;
/** The codecs of cover pictures, which older versions of ffmpeg do not mark. */
const pictureCodecs = ['mjpeg', 'png', 'bmp', 'gif', 'webp'];

type VideoStream = {
  codec: string;
  /** Such as "yuv420p10le". */
  pixels: string;
  /** In pixels, as shown; null if ffmpeg does not know them. */
  width: number | null;
  height: number | null;
  /** Whether it is a cover picture. */
  isPicture: boolean;
  /** Whether its pixels are square. */
  isSquare: boolean;
  /** Whether it says how its colours are to be read. */
  hasColours: boolean;
};

export type Description = {
  /** The container as ffmpeg names it, such as "mov,mp4,m4a,3gp,3g2,mj2". */
  format: string;
  /** Whether it is a MOV by its brand. */
  isQuickTime: boolean;
  /** The first stream that is no cover picture, else the picture. */
  video: VideoStream | null;
  /** The codec of the first sound; null for a silent file. */
  audio: string | null;
};

/** What ffmpeg says about a file, since ffprobe is not packaged; throws if it cannot read it. */
export async function probe(program: string, file: string, run: Pick<Run, 'signal'> & { demuxer?: string }) {
  const { signal, demuxer } = run;
  const parameters = ['-hide_banner', ...inputOf(file, demuxer)];
  const { stderr } = await runQuietly(program, parameters, { signal, timeoutMs: probeTimeoutMs });
  const description = parseDescription(stderr);
  if (!description) throw new Error(`ffmpeg cannot read the file: ${stderr.trim()}`);
  return description;
}

function parseDescription(text: string): Description | null {
  const [, format] = /^Input #0, (\S+), from /m.exec(text) ?? [];
  if (!format) return null;
  const streams = text.split(/^(?=\s*Stream #0:)/m).slice(1);
  const videos = streams.map(parseVideo).filter((stream) => stream !== null);
  const moving = videos.find(({ isPicture }) => !isPicture);
  const [, audio = null] = /^\s*Stream #0:.*?: Audio: (\w+)/m.exec(text) ?? [];
  const isQuickTime = /^\s*major_brand\s*: qt/m.test(text);
  return { format, isQuickTime, video: moving ?? videos[0] ?? null, audio };
}

function parseVideo(stream: string): VideoStream | null {
  const [line, codec, pixels] = /^\s*Stream #0:.*?: Video: (\w+)[^,\n]*, (\w+).*$/m.exec(stream) ?? [];
  if (!line || !codec || !pixels) return null;
  const [, width, height] = /, ([1-9]\d*)x([1-9]\d*)/.exec(line)?.map(Number) ?? [];
  const rotation = Number(/^\s*displaymatrix: rotation of (-?[\d.]+) degrees/m.exec(stream)?.[1] ?? 0);
  const [shownWidth = null, shownHeight = null] = isUpright(rotation) ? [width, height] : [height, width];
  const isPicture = pictureCodecs.includes(codec) || line.includes('(attached pic)');
  const isSquare = !/\[SAR (?!1:1 )/.test(line);
  const hasColours = /, \w+\([^)]*(bt709|bt470bg|smpte170m|smpte240m|fcc|bt2020\w*|gbr)/.test(line);
  return { codec, pixels, width: shownWidth, height: shownHeight, isPicture, isSquare, hasColours };
}

const isUpright = (degrees: number): boolean => Math.round(degrees / 90) % 2 === 0;

/** The parameters that open a stored file: one of a provider must not make ffmpeg read another file or use the network. */
export const inputOf = (file: string, demuxer?: string): string[] => [
  ...['-protocol_whitelist', 'file', ...(demuxer ? ['-f', demuxer] : [])],
  ...['-i', file],
];

/** Runs ffmpeg behind everything else on the machine. */
export const runQuietly = (program: string, parameters: string[], run: Omit<Run, 'stderrLength' | 'onStart'>) =>
  runFfmpeg(program, parameters, { stderrLength: maxStderrLength, ...run, onStart: lowerPriority });

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, lowPriority);
  } catch (error) {
    // The process has ended, or the system does not allow it.
    logger.debug('priority not lowered', { error });
  }
}
