// The parameters of ffmpeg for each step of a finished film. Nothing here runs anything.

import { inputOf, type Description } from '../media/probe';
import type { Body, Cross, Piece } from './pieces';
import type { Recipe, RecipeShot } from '../db/export';

const sampleRate = 48_000;
/** Below this share of a pixel, a clip has the ratio of the film. */
const ratioTolerancePixels = 1;
/** Clips without a word about their colours count as HD from this height on. */
const hdHeight = 720;

const targetLufs = -16;
const peakLimitDb = -1.5;
const limiterAttackMs = 5;
const mostGainDb = 30;

type Picture = Pick<Recipe, 'width' | 'height' | 'fps' | 'fit'>;
/** A shot with its file and what ffmpeg says about it. */
export type Source = { file: string; video: Description['video'] };

/** How many samples a number of frames lasts; whole, since every frame rate on offer divides the sample rate. */
export const samplesOf = (frames: number, fps: number): number => (frames * sampleRate) / fps;

const seconds = (frames: number, fps: number): string => (frames / fps).toFixed(6);

/** Encodes the pictures of one piece, exactly its frames; `caption` is a picture to lay over them. */
export function pictureParameters(
  piece: Piece,
  recipe: Picture,
  [first, second]: [Source, Source?],
  caption: string | null,
): string[] {
  const { fps } = recipe;
  const graph =
    piece.kind === 'body' ? bodyGraph(piece, recipe, first, caption) : crossGraph(piece, recipe, first, second!);
  const inputs =
    piece.kind === 'body'
      ? [...pictureInput(piece.shot, piece.from, piece.frames, fps, first), ...(caption ? inputOf(caption) : [])]
      : [
          ...pictureInput(piece.before, piece.from, piece.frames, fps, first),
          ...pictureInput(piece.after, 0, piece.frames, fps, second!),
        ];
  return [
    ...inputs,
    ...['-filter_complex', `${graph}[out]`, '-map', '[out]', '-an', '-sn', '-dn', '-map_metadata', '-1'],
    ...encoder(fps),
    ...['-frames:v', String(piece.frames), '-video_track_timescale', String(timescale(fps)), '-f', 'mp4'],
  ];
}

const timescale = (fps: number): number => fps * 512;

/** Centred, above a margin. */
const captionPlace = 'x=(W-w)/2:y=H-h-H*0.06';

/** One set of settings for all pieces, so that they can be joined without another encode. */
const encoder = (fps: number): string[] => [
  ...['-r', String(fps), '-c:v', 'libx264', '-profile:v', 'high', '-preset', 'veryfast', '-crf', '18'],
  ...['-pix_fmt', 'yuv420p', '-g', String(2 * fps), '-color_range', 'tv'],
  ...['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'],
];

/** Reads a clip from a little before the frame, so that the frame at that moment is known; a picture is read once. */
function pictureInput(shot: RecipeShot, from: number, frames: number, fps: number, { file }: Source): string[] {
  if (shot.kind === 'picture') return inputOf(file);
  const lead = pictureLeadOf(shot, from, fps);
  const fromS = Math.max(0, shot.from_s + (from - lead) / fps);
  return ['-ss', fromS.toFixed(6), '-t', seconds(lead + frames + fps, fps), ...inputOf(file)];
}

/** Goes back before the in point too, since the frame that is on show there may have begun earlier. */
const pictureLeadOf = (shot: RecipeShot, from: number, fps: number): number =>
  leadOf(from + Math.floor(shot.from_s * fps), fps);

const leadOf = (from: number, fps: number): number => Math.min(from, Math.ceil(fps / 2));

/** The frames of a shot in the size and at the rate of the film; a clip that ends early holds its last frame. */
function framesGraph(input: number, shot: RecipeShot, from: number, frames: number, recipe: Picture, source: Source) {
  const { fps } = recipe;
  const fitted = fit(recipe, source, `f${input}`);
  if (shot.kind === 'picture')
    return `[${input}:v:0]${fitted},loop=loop=-1:size=1:start=0,settb=1/${fps},setpts=N,fps=${fps},trim=end_frame=${frames}`;
  const lead = pictureLeadOf(shot, from, fps);
  const cut = `trim=start_frame=${lead}:end_frame=${lead + frames},setpts=PTS-STARTPTS`;
  return `[${input}:v:0]fps=${fps}:start_time=0,tpad=stop=${lead + frames}:stop_mode=clone,${cut},${fitted}`;
}

function bodyGraph(piece: Body, recipe: Picture, source: Source, caption: string | null): string {
  const { shot, from, frames, fadeIn, fadeOut } = piece;
  const fades = [
    ...(fadeIn > 0 ? [`fade=t=in:start_frame=0:nb_frames=${fadeIn}`] : []),
    ...(fadeOut > 0 ? [`fade=t=out:start_frame=${frames - fadeOut}:nb_frames=${fadeOut}`] : []),
  ];
  const shown = framesGraph(0, shot, from, frames, recipe, source);
  const captioned = caption ? `${shown}[bare];[bare][1:v]overlay=${captionPlace}:format=yuv420` : shown;
  return [captioned, ...fades, 'format=yuv420p'].join(',');
}

/** The next shot becomes opaque over the one before. */
function crossGraph({ before, from, after, frames }: Cross, recipe: Picture, first: Source, second: Source): string {
  const under = framesGraph(0, before, from, frames, recipe, first);
  const over = framesGraph(1, after, 0, frames, recipe, second);
  const faded = `format=yuva420p,fade=t=in:start_frame=0:nb_frames=${frames}:alpha=1`;
  return `${under}[before];${over},${faded}[after];[before][after]overlay=format=yuv420,format=yuv420p`;
}

/** Scales to the size of the film in bt709 and square pixels: with bars, cut, or with bars of its own blurred picture. */
function fit({ width, height, fit: kind }: Picture, { video }: Source, label: string): string {
  const size = `${width}:${height}`;
  const matrix = `in_color_matrix=${matrixOf(video)}:out_color_matrix=bt709:out_range=tv`;
  const scale = (how: string) => `scale=${size}${how}:flags=bicubic:${matrix}`;
  const square = "scale=w='iw*sar':h=ih";
  const end = 'setsar=1,format=yuv420p';
  if (hasRatio(video, width, height)) return `${square},${scale('')},${end}`;
  const bars = scale(':force_original_aspect_ratio=decrease');
  const cover = scale(':force_original_aspect_ratio=increase');
  if (kind === 'crop') return `${square},${cover},crop=${size},${end}`;
  if (kind === 'pad') return `${square},${bars},pad=${size}:(ow-iw)/2:(oh-ih)/2,${end}`;
  const small = `${even(width / 8)}:${even(height / 8)}`;
  const blurred = `scale=${small}:force_original_aspect_ratio=increase:flags=bilinear:${matrix},crop=${small},boxblur=6:2`;
  return [
    `${square},split[${label}a][${label}b]`,
    `[${label}a]${blurred},scale=${size}:flags=bilinear,setsar=1,format=yuv420p[${label}back]`,
    `[${label}b]${bars},setsar=1,format=yuv420p[${label}front]`,
    `[${label}back][${label}front]overlay=(W-w)/2:(H-h)/2:format=yuv420,${end}`,
  ].join(';');
}

const even = (side: number): number => 2 * Math.max(1, Math.round(side / 2));

/** Players take unmarked HD for bt709, and smaller pictures for bt601. */
function matrixOf(video: Source['video']): string {
  if (!video || video.hasColours) return 'auto';
  return Math.min(video.width ?? 0, video.height ?? 0) >= hdHeight ? 'bt709' : 'bt601';
}

function hasRatio(video: Source['video'], width: number, height: number): boolean {
  if (!video?.width || !video.height || !video.isSquare) return false;
  return Math.abs((video.width * height) / video.height - width) <= ratioTolerancePixels * (width / video.width);
}

/** The sound of a piece with exactly its length; `hasSound` tells of which of its shots there is any. */
export function soundParameters(piece: Piece, fps: number, files: string[], hasSound: boolean[]): string[] {
  const parts =
    piece.kind === 'body'
      ? [{ shot: piece.shot, from: piece.from, fade: '' }]
      : [
          { shot: piece.before, from: piece.from, fade: 'out' },
          { shot: piece.after, from: 0, fade: 'in' },
        ];
  const heard = parts
    .map((part, index) => ({ ...part, file: files[index]! }))
    .filter((_part, index) => hasSound[index]);
  const samples = samplesOf(piece.frames, fps);
  const graphs = heard.map(({ shot, from, fade }, index) => {
    const lead = samplesOf(leadOf(from, fps), fps);
    const cut = `apad,atrim=start_sample=${lead}:end_sample=${lead + samples},asetpts=N/SR/TB`;
    const crossing = fade && `,afade=t=${fade}:start_sample=0:nb_samples=${samples}:curve=qsin`;
    const whole = `aresample=${sampleRate}:async=1:first_pts=0,${stereo}`;
    return `[${index}:a:0]${whole},${cut},volume=${shot.volume}${crossing}`;
  });
  const graph = graphs.length > 1 ? `${graphs[0]}[s0];${graphs[1]}[s1];${addSounds('s0', 's1')}` : graphs[0]!;
  return [
    ...heard.flatMap(({ shot, from, file }) => soundInput(shot, from, piece.frames, fps, file)),
    ...['-filter_complex', `${graph}[out]`, '-map', '[out]', ...wave],
  ];
}

function soundInput(shot: RecipeShot, from: number, frames: number, fps: number, file: string): string[] {
  const lead = leadOf(from, fps);
  const fromS = shot.from_s + (from - lead) / fps;
  return ['-ss', fromS.toFixed(6), '-t', seconds(lead + frames + fps, fps), '-vn', ...inputOf(file)];
}

const stereo = `aformat=sample_fmts=flt:sample_rates=${sampleRate}:channel_layouts=stereo`;
const wave = ['-c:a', 'pcm_f32le', '-ar', String(sampleRate), '-ac', '2', '-rf64', 'auto', '-f', 'wav'];
/** Unlike `amix`, it never scales. */
const addSounds = (one: string, other: string): string =>
  `[${one}]${stereo}[${one}2];[${other}]${stereo}[${other}2];[${one}2][${other}2]amerge=inputs=2,pan=stereo|c0=c0+c2|c1=c1+c3`;

/** A wave file of silence. */
export const silenceParameters = (samples: number): string[] => [
  ...['-f', 'lavfi', '-i', `anullsrc=channel_layout=stereo:sample_rate=${sampleRate}`],
  ...['-af', `atrim=end_sample=${samples}`, ...wave],
];

/** Mixes the sound of the clips, as a list of files, with the music, and measures the loudness of the result. */
export function mixParameters(recipe: Recipe, list: string | null, musicFile: string | null): string[] {
  const samples = samplesOf(recipe.frames, recipe.fps);
  const clipInput = list ? ['-f', 'concat', '-safe', '0', ...inputOf(list)] : [];
  const measured = `apad,atrim=end_sample=${samples},ebur128=framelog=verbose:peak=sample`;
  const graph = recipe.music ? withMusic(recipe, recipe.music, list !== null) : '[0:a]asetpts=N/SR/TB';
  const musicInput = musicFile ? ['-stream_loop', '-1', ...inputOf(musicFile)] : [];
  return [...[...clipInput, ...musicInput, '-filter_complex', `${graph},${measured}[out]`, '-map', '[out]'], ...wave];
}

/** Music is compressed so hard under clip sound that what remains is its unprocessed share, about 10 dB lower. */
const duck = 'sidechaincompress=threshold=0.001:ratio=20:attack=20:release=400:mix=0.7';

function withMusic({ frames, fps }: Recipe, music: NonNullable<Recipe['music']>, hasClips: boolean): string {
  const lengthS = frames / fps;
  const fadeS = Math.min(music.fade_out_s, lengthS);
  const fade = fadeS > 0 ? [`afade=t=out:st=${(lengthS - fadeS).toFixed(6)}:d=${fadeS.toFixed(6)}`] : [];
  const cut = `atrim=end_sample=${samplesOf(frames, fps)}`;
  const level = `volume=${music.volume}`;
  const chain = ['asetpts=N/SR/TB', `aresample=${sampleRate}`, stereo, cut, level, ...fade].join(',');
  if (!hasClips) return `[0:a:0]${chain}`;
  if (!music.ducking) return `[1:a:0]${chain}[music];[0:a]asetpts=N/SR/TB[clips];${addSounds('clips', 'music')}`;
  return [
    `[1:a:0]${chain}[music]`,
    '[0:a]asetpts=N/SR/TB,asplit[clips][key]',
    `[music][key]${duck}[under]`,
    addSounds('clips', 'under'),
  ].join(';');
}

export type Loudness = { lufs: number; peakDb: number };

/** What `mixParameters` measured, from the end of what ffmpeg wrote; null for silence. */
export function readLoudness(stderr: string): Loudness | null {
  const summary = stderr.slice(stderr.lastIndexOf('Summary:'));
  const lufs = Number(/I:\s+(-?[\d.]+) LUFS/.exec(summary)?.[1]);
  const peakDb = Number(/Peak:\s+(-?[\d.]+) dBFS/.exec(summary)?.[1]);
  return Number.isFinite(lufs) && Number.isFinite(peakDb) && lufs > -70 ? { lufs, peakDb } : null;
}

/** The filter that brings the sound to the loudness of films on the web, and keeps its peaks below the limit. */
export function loudnessFilter({ lufs, peakDb }: Loudness, samples: number): string {
  const gainDb = Math.min(targetLufs - lufs, mostGainDb);
  const gain = `volume=${gainDb.toFixed(2)}dB`;
  if (peakDb + gainDb <= peakLimitDb) return gain;
  const limit = (10 ** (peakLimitDb / 20)).toFixed(4);
  const lateSamples = (sampleRate * limiterAttackMs) / 1000;
  // The limiter looks ahead, and its sound comes that much later.
  const inTime = `apad,atrim=start_sample=${lateSamples}:end_sample=${lateSamples + samples},asetpts=N/SR/TB`;
  return `${gain},alimiter=limit=${limit}:attack=${limiterAttackMs}:release=50:level=0,${inTime}`;
}

/** Encodes the mixed sound. */
export const encodeSoundParameters = (mixed: string, filter: string | null): string[] => [
  ...[...inputOf(mixed), ...(filter ? ['-af', filter] : []), '-map_metadata', '-1'],
  ...['-c:a', 'aac', '-b:a', '192k', '-ac', '2', '-ar', String(sampleRate), '-f', 'mp4'],
];

export type Joined = { pictures: string; sound: string | null; captions: string | null };

/** Joins the encoded pieces, as a list of files, with the encoded sound and the captions; encodes nothing. */
export function joinParameters(fps: number, { pictures, sound, captions }: Joined): string[] {
  const captionInput = sound ? 2 : 1;
  return [
    ...['-f', 'concat', '-safe', '0', ...inputOf(pictures)],
    ...(sound ? inputOf(sound) : []),
    ...(captions ? inputOf(captions) : []),
    ...['-map', '0:v:0', '-c:v', 'copy', '-map_metadata', '-1'],
    ...(sound ? ['-map', '1:a:0', '-c:a', 'copy'] : []),
    ...(captions ? ['-map', `${captionInput}:s:0`, '-c:s', 'mov_text'] : []),
    ...['-video_track_timescale', String(timescale(fps)), '-movflags', '+faststart', '-f', 'mp4'],
  ];
}

/** A list for ffmpeg's concat demuxer; each file lasts its number of frames. */
export const concatList = (files: { file: string; frames: number }[], fps: number): string =>
  [
    'ffconcat version 1.0',
    ...files.flatMap(({ file, frames }) => [
      `file '${file.replace(/\\/g, '/').replace(/'/g, "'\\''")}'`,
      `duration ${seconds(frames, fps)}`,
    ]),
    '',
  ].join('\n');
