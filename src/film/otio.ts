import path from 'node:path';
import { musicPieces, type Join, type Media, type Sequence, type SequenceShot } from './sequence';

// OpenTimelineIO: a timeline is a stack of tracks, a track a row of clips and gaps that touch, and transitions between them
// that take `in_offset` of the one before and `out_offset` of the one after. Addresses are plain names beside the file, since
// DaVinci Resolve takes no `file://` (OpenTimelineIO issue 1985).

type Json = Record<string, unknown>;

/** The film as an OpenTimelineIO file, at the rate of the film. */
export function toOtio(sequence: Sequence): string {
  const { fps } = sequence.settings;
  const tracks = [
    track('Shots', 'Video', picturesOf(sequence)),
    ...(sequence.shots.some(hasSound) ? [track('Sound', 'Audio', soundsOf(sequence))] : []),
    ...(sequence.music ? [track('Music', 'Audio', musicOf(sequence))] : []),
  ];
  const timeline = {
    OTIO_SCHEMA: 'Timeline.1',
    name: sequence.title,
    global_start_time: time(0, fps),
    tracks: { OTIO_SCHEMA: 'Stack.1', name: 'tracks', children: tracks, ...plain },
    metadata: {},
  };
  return JSON.stringify(timeline, null, 2);
}

const hasSound = ({ media }: SequenceShot): boolean => media.hasAudio;

const picturesOf = ({ shots, settings: { fps } }: Sequence): Json[] =>
  shots.flatMap((shot) => [
    ...(shot.join ? [transition(shot.join, fps)] : []),
    clipOf(shot, shot.from, shot.to - shot.from, fps),
  ]);

/** A crossfade of sound and silence lies on the side of the sound. */
function soundsOf({ shots, settings: { fps } }: Sequence): Json[] {
  return shots.flatMap((shot, index) => {
    const [before, after] = [shots[index - 1], shots[index + 1]];
    const [from, to] = [startOfSound(before, shot), startOfSound(shot, after)];
    const join = shot.join?.kind === 'crossfade' && before && (hasSound(before) || hasSound(shot)) ? shot.join : null;
    return [
      ...(join ? [transition({ ...join, cut: from }, fps)] : []),
      hasSound(shot) ? clipOf(shot, from, to - from, fps) : gap(to - from, fps),
    ];
  });
}

/** Where the sound of a shot gives way to that of the next one. */
function startOfSound(before: SequenceShot | undefined, after: SequenceShot | undefined): number {
  if (!before) return after!.from;
  if (!after || hasSound(before) === hasSound(after)) return before.to;
  return hasSound(before) ? before.start + before.frames : after.start;
}

function musicOf(sequence: Sequence): Json[] {
  const { fps } = sequence.settings;
  const { music } = sequence;
  return musicPieces(sequence).map(({ length }) => clip(music!, { start: 0, length, of: length }, fps, {}));
}

function clipOf(shot: SequenceShot, from: number, length: number, fps: number): Json {
  const { media, shot: workspace, sourceStart } = shot;
  const start = sourceStart + from - shot.start;
  const { volume, caption } = workspace.cut;
  return clip(media, { start, length, of: sourceStart + shot.frames }, fps, {
    workspace_id: workspace._id,
    volume: media.lengthS === null ? 0 : volume,
    caption,
  });
}

/** Names a clip as its file, which lets editors find the file again. */
function clip(media: Media, range: { start: number; length: number; of: number }, fps: number, metadata: Json): Json {
  const available = Math.max(range.of, range.start + range.length, Math.round((media.lengthS ?? 0) * fps));
  return {
    OTIO_SCHEMA: 'Clip.1',
    name: path.posix.basename(media.path),
    ...plain,
    source_range: timeRange(range.start, range.length, fps),
    media_reference: {
      OTIO_SCHEMA: 'ExternalReference.1',
      name: path.posix.basename(media.path),
      target_url: media.path,
      available_range: timeRange(0, available, fps),
      metadata: {},
    },
    metadata: Object.keys(metadata).length > 0 ? { video_maker: metadata } : {},
  };
}

const gap = (length: number, fps: number): Json => ({
  OTIO_SCHEMA: 'Gap.1',
  name: '',
  ...plain,
  source_range: timeRange(0, length, fps),
});

const transition = ({ kind, start, cut, end }: Join, fps: number): Json => ({
  OTIO_SCHEMA: 'Transition.1',
  name: kind === 'crossfade' ? 'Cross Dissolve' : 'Dip to Black',
  transition_type: kind === 'crossfade' ? 'SMPTE_Dissolve' : 'Custom_Transition',
  in_offset: time(cut - start, fps),
  out_offset: time(end - cut, fps),
  metadata: {},
});

const plain = { source_range: null, effects: [], markers: [], metadata: {} };
const track = (name: string, kind: 'Video' | 'Audio', children: Json[]): Json => ({
  OTIO_SCHEMA: 'Track.1',
  name,
  kind,
  children,
  ...plain,
});
const time = (value: number, rate: number): Json => ({ OTIO_SCHEMA: 'RationalTime.1', rate, value });
const timeRange = (start: number, length: number, rate: number): Json => ({
  OTIO_SCHEMA: 'TimeRange.1',
  start_time: time(start, rate),
  duration: time(length, rate),
});
