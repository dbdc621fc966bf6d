import path from 'node:path';
import { tag, type Xml } from '../utils/xml';
import { musicPieces, type Join, type Media, type Sequence, type SequenceShot } from './sequence';

// Final Cut Pro 7 XML (xmeml, version 5): `start` and `end` are frames of the film, `in` and `out` of the source; -1 means that
// a transition decides, and then `in` and `out` reach to its far side. DaVinci Resolve needs the format of the picture
// (OpenTimelineIO issue 839). A file is described where it is used first and named by its id afterwards.

const channels = [1, 2] as const;
const sampleRate = 48_000;

/** The film as a Final Cut Pro 7 XML file, which Premiere Pro and DaVinci Resolve read. */
export function toFcp7Xml(sequence: Sequence): string {
  const { title, frames, width, height, settings } = sequence;
  const described = new Set<string>();
  const picture = tag('samplecharacteristics', [
    rate(settings.fps),
    tag('width', width),
    tag('height', height),
    tag('anamorphic', 'FALSE'),
    tag('pixelaspectratio', 'square'),
    tag('fielddominance', 'none'),
  ]);
  const video = tag('video', [tag('format', [picture]), tag('track', picturesOf(sequence, described))]);
  const root = tag(
    'sequence',
    [
      tag('name', title),
      tag('duration', frames),
      rate(settings.fps),
      timecode(settings.fps),
      tag('media', [video, audioOf(sequence, described)]),
    ],
    { id: 'sequence' },
  );
  const document = tag('xmeml', [root], { version: '5' });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n${document.xml}\n`;
}

function picturesOf(sequence: Sequence, described: Set<string>): Xml[] {
  const { fps } = sequence.settings;
  return sequence.shots.flatMap((shot, index) => {
    const next = sequence.shots[index + 1]?.join ?? null;
    const item = clipItem(pictureId(index), shot.media, lengthOf(shot, fps), fps, [
      ...placeOf(shot, shot.join, next),
      fileOf(shot.media, fps, described),
      ...motionOf(shot, sequence),
      ...(shot.media.hasAudio ? linksOf(sequence, index) : []),
    ]);
    return [...(shot.join ? [transitionItem(shot.join, fps, pictureEffects[shot.join.kind])] : []), item];
  });
}

/** A fade through black shows nothing beyond its cut, so its clips end there and need no frames behind it. */
function placeOf(
  { from, to, start, frames, sourceStart }: SequenceShot,
  before: Join | null,
  after: Join | null,
): Xml[] {
  const [isOpenBefore, isOpenAfter] = [before, after].map((join) => join?.kind === 'crossfade');
  const first = isOpenBefore ? start : from;
  const last = isOpenAfter ? start + frames : to;
  return [
    tag('start', isOpenBefore ? -1 : from),
    tag('end', isOpenAfter ? -1 : to),
    tag('in', sourceStart + first - start),
    tag('out', sourceStart + last - start),
  ];
}

function audioOf(sequence: Sequence, described: Set<string>): Xml {
  const format = tag('samplecharacteristics', [tag('depth', 16), tag('samplerate', sampleRate)]);
  return tag('audio', [
    tag('numOutputChannels', channels.length),
    tag('format', [format]),
    ...channels.map((channel) => tag('track', soundsOf(sequence, channel, described))),
    ...(sequence.music ? channels.map((channel) => tag('track', musicOf(sequence, channel, described))) : []),
  ]);
}

/** Sound crosses into sound; beside silence it fades on its own side of the overlap. */
function soundsOf(sequence: Sequence, channel: number, described: Set<string>): Xml[] {
  const { shots, settings } = sequence;
  return shots.flatMap((shot, index) => {
    if (!shot.media.hasAudio) return [];
    const after = shots[index + 1];
    const [before, next] = [crossfadeOf(shot), after ? crossfadeOf(after) : null];
    const isAlone = { before: !shots[index - 1]?.media.hasAudio, after: !after?.media.hasAudio };
    const place = {
      ...shot,
      from: before && isAlone.before ? shot.start : shot.from,
      to: next && isAlone.after ? shot.start + shot.frames : shot.to,
    };
    const item = clipItem(soundId(index, channel), shot.media, lengthOf(shot, settings.fps), settings.fps, [
      ...placeOf(place, isAlone.before ? null : before, isAlone.after ? null : next),
      fileOf(shot.media, settings.fps, described),
      tag('sourcetrack', [tag('mediatype', 'audio'), tag('trackindex', channel)]),
      ...level(shot.shot.cut.volume),
      ...linksOf(sequence, index),
    ]);
    const fade = (join: Join, alignment?: string) => transitionItem(join, settings.fps, soundEffect, alignment);
    return [
      ...(before ? [fade(before, isAlone.before ? 'start-black' : undefined)] : []),
      item,
      ...(next && isAlone.after ? [fade(next, 'end-black')] : []),
    ];
  });
}

const crossfadeOf = ({ join }: SequenceShot): Join | null => (join?.kind === 'crossfade' ? join : null);

function musicOf(sequence: Sequence, channel: number, described: Set<string>): Xml[] {
  const { frames, settings } = sequence;
  const { fps, music_volume: volume, music_fade_out_s: fadeS } = settings;
  const music = sequence.music!;
  const fadeStart = Math.max(0, frames - Math.round(fadeS * fps));
  const gainAt = (frame: number) => (frame <= fadeStart ? volume : (volume * (frames - frame)) / (frames - fadeStart));
  return musicPieces(sequence).map(({ start, length }, index) => {
    const end = start + length;
    const keys = end > fadeStart ? [Math.max(start, fadeStart), end] : [];
    return clipItem(`music-${index + 1}-${channel}`, music, Math.round(music.lengthS * fps), fps, [
      ...[tag('start', start), tag('end', end), tag('in', 0), tag('out', length)],
      fileOf(music, fps, described),
      tag('sourcetrack', [tag('mediatype', 'audio'), tag('trackindex', channel)]),
      ...level(
        volume,
        keys.map((frame) => ({ when: frame - start, value: gainAt(frame) })),
      ),
    ]);
  });
}

const pictureId = (index: number): string => `shot-${index + 1}`;
const soundId = (index: number, channel: number): string => `shot-${index + 1}-sound-${channel}`;

/** Picture and both channels of a shot, so that an editor moves them together. */
function linksOf({ shots }: Sequence, index: number): Xml[] {
  const place = shots.slice(0, index + 1).filter(({ media }) => media.hasAudio).length;
  const link = (id: string, kind: string, track: number, clip: number) =>
    tag('link', [tag('linkclipref', id), tag('mediatype', kind), tag('trackindex', track), tag('clipindex', clip)]);
  const sounds = channels.map((channel) => link(soundId(index, channel), 'audio', channel, place));
  return [link(pictureId(index), 'video', 1, index + 1), ...sounds];
}

/** In frames of the film; at least what the film shows, which may be rounded up. */
const lengthOf = ({ media, sourceStart, frames }: SequenceShot, fps: number): number =>
  Math.max(Math.round((media.lengthS ?? 0) * fps), sourceStart + frames);

function clipItem(id: string, media: Media, length: number, fps: number, content: Xml[]): Xml {
  const head = [tag('name', nameOf(media)), tag('enabled', 'TRUE'), tag('duration', length), rate(fps)];
  return tag('clipitem', [...head, ...content], { id });
}

function fileOf(media: Media, fps: number, described: Set<string>): Xml {
  const id = `file-${media.path}`;
  if (described.has(id)) return tag('file', [], { id });
  described.add(id);
  const ownFps = media.fps ?? fps;
  const size = media.width && media.height ? [tag('width', media.width), tag('height', media.height)] : [];
  const picture = tag('video', [tag('samplecharacteristics', [rate(ownFps), ...size])]);
  const sound = tag('audio', [
    tag('samplecharacteristics', [tag('depth', 16), tag('samplerate', sampleRate)]),
    tag('channelcount', channels.length),
  ]);
  const isMusic = media.hasAudio && media.width === null && media.fps === null;
  return tag(
    'file',
    [
      tag('name', nameOf(media)),
      tag('pathurl', media.path),
      rate(ownFps),
      ...(media.lengthS === null ? [] : [tag('duration', Math.round(media.lengthS * ownFps))]),
      timecode(ownFps),
      tag('media', [...(isMusic ? [] : [picture]), ...(media.hasAudio ? [sound] : [])]),
    ],
    { id },
  );
}

/** Premiere shows a clip in its own size, so it is told how much to enlarge it. */
function motionOf({ media }: SequenceShot, { width, height, settings }: Sequence): Xml[] {
  if (!media.width || !media.height) return [];
  const ratios = [width / media.width, height / media.height];
  const percent = 100 * (settings.fit === 'crop' ? Math.max(...ratios) : Math.min(...ratios));
  if (Math.abs(percent - 100) < 0.01) return [];
  const scale = parameter('scale', 'Scale', 0, 1000, [tag('value', Number(percent.toFixed(3)))]);
  const kinds = { id: 'basic', category: 'motion', type: 'motion', media: 'video' } as const;
  return [tag('filter', [effect('Basic Motion', kinds, [scale])])];
}

function level(volume: number, keys: { when: number; value: number }[] = []): Xml[] {
  if (volume === 1 && keys.length === 0) return [];
  const rounded = (value: number) => tag('value', Number(value.toFixed(4)));
  const frames = keys.map(({ when, value }) => tag('keyframe', [tag('when', when), rounded(value)]));
  const setting = parameter('level', 'Level', 0, 3.98109, [rounded(volume), ...frames]);
  const kinds = { id: 'audiolevels', category: 'audiolevels', type: 'audiolevels', media: 'audio' } as const;
  return [tag('filter', [effect('Audio Levels', kinds, [setting])])];
}

function parameter(id: string, name: string, lowest: number, highest: number, content: Xml[]): Xml {
  return tag('parameter', [
    tag('parameterid', id),
    tag('name', name),
    tag('valuemin', lowest),
    tag('valuemax', highest),
    ...content,
  ]);
}

type EffectKinds = { id: string; category: string; type: string; media: 'video' | 'audio' };

const effect = (name: string, { id, category, type, media }: EffectKinds, parameters: Xml[]): Xml =>
  tag('effect', [
    tag('name', name),
    tag('effectid', id),
    tag('effectcategory', category),
    tag('effecttype', type),
    tag('mediatype', media),
    ...parameters,
  ]);

const dissolve = { category: 'Dissolve', type: 'transition', media: 'video' } as const;
const black = tag('parameter', [
  tag('parameterid', 'dipcolor'),
  tag('name', 'Color'),
  tag('value', [tag('alpha', 255), tag('red', 0), tag('green', 0), tag('blue', 0)]),
]);
const pictureEffects: Record<Join['kind'], Xml> = {
  crossfade: effect('Cross Dissolve', { ...dissolve, id: 'Cross Dissolve' }, []),
  fade_black: effect('Dip to Color Dissolve', { ...dissolve, id: 'Dip to Color Dissolve' }, [black]),
};
const soundEffect = effect(
  'Cross Fade (+3dB)',
  { id: 'KGAudioTransCrossFade3dB', category: 'Transitions', type: 'transition', media: 'audio' },
  [],
);

const transitionItem = ({ start, end }: Join, fps: number, what: Xml, alignment = 'center'): Xml =>
  tag('transitionitem', [tag('start', start), tag('end', end), tag('alignment', alignment), rate(fps), what]);

/** The rate of film and video, 24 / 1.001 and so on, is that of the whole number with `ntsc`. */
function rate(fps: number): Xml {
  const timebase = Math.max(1, Math.round(fps));
  const isNtsc = Math.abs(fps - timebase / 1.001) < 0.002;
  return tag('rate', [tag('timebase', timebase), tag('ntsc', isNtsc ? 'TRUE' : 'FALSE')]);
}

/** Of a file that begins at zero. */
const timecode = (fps: number): Xml =>
  tag('timecode', [rate(fps), tag('string', '00:00:00:00'), tag('frame', 0), tag('displayformat', 'NDF')]);

const nameOf = ({ path: place }: Media): string => path.posix.basename(place);
