import { randomUUID } from 'node:crypto';
import type { Join, Media, Sequence, SequenceShot } from './sequence';

export type DraftApp = 'jianying' | 'capcut';

/** Where a draft will lie: the absolute path of its own folder, in the notation of its system. */
export type DraftPlace = { app: DraftApp; folder: string; name: string; separator: '/' | '\\' };

/** A draft while it is written: `materials` by list, and the files to tell the app about. */
export type Draft = { sequence: Sequence; place: DraftPlace; materials: Record<string, object[]>; files: DraftFile[] };

/** A file in the folder of a draft. */
export type DraftFile = {
  id: string;
  name: string;
  /** Absolute. */
  path: string;
  kind: 'video' | 'photo' | 'music';
  /** In microseconds. */
  duration: number;
  width: number;
  height: number;
};

export type Json = Record<string, unknown>;
type Range = { start: number; duration: number };

export const microsPerS = 1_000_000;
const photoMicros = 10_800_000_000;
const captionSize = 5;

/** The free transitions of each app; only their resources are the same. */
const transitions: Record<DraftApp, Record<Join['kind'], { name: string; effect_id: string }>> = {
  jianying: {
    crossfade: { name: '叠化', effect_id: '322577' },
    fade_black: { name: '闪黑', effect_id: '321493' },
  },
  capcut: {
    crossfade: { name: 'Mix', effect_id: 'CE454E9E-9C57-43c5-9E80-B46A6A495D10' },
    fade_black: { name: 'Black Fade', effect_id: '7CBE3442-7B48-4a73-9391-C74FB7580D30' },
  },
};
const transitionResources: Record<Join['kind'], string> = {
  crossfade: '6724845717472416269',
  fade_black: '6724239388189921806',
};

/** The length of the material covers what is shown of it, which may be rounded up by half a frame. */
export function addPicture(draft: Draft, { media }: SequenceShot, source: Range): string {
  const isPhoto = media.lengthS === null;
  const { width, height } = {
    width: media.width ?? draft.sequence.width,
    height: media.height ?? draft.sequence.height,
  };
  const known = Math.round((media.lengthS ?? 0) * microsPerS);
  const duration = isPhoto ? photoMicros : Math.max(known, source.start + source.duration);
  const file = addFile(draft, media, { kind: isPhoto ? 'photo' : 'video', duration, width, height });
  const id = newId();
  draft.materials.videos!.push({
    id,
    material_id: id,
    local_material_id: file.id,
    material_name: file.name,
    path: file.path,
    media_path: '',
    type: file.kind,
    duration,
    width,
    height,
    has_audio: media.hasAudio,
    audio_fade: null,
    category_id: '',
    category_name: 'local',
    check_flag: 63487,
    crop: {
      ...{ upper_left_x: 0, upper_left_y: 0, upper_right_x: 1, upper_right_y: 0 },
      ...{ lower_left_x: 0, lower_left_y: 1, lower_right_x: 1, lower_right_y: 1 },
    },
    crop_ratio: 'free',
    crop_scale: 1,
  });
  return id;
}

export const addTransition = (draft: Draft, { kind, start, end }: Join): string =>
  addMaterial(draft, 'transitions', {
    type: 'transition',
    ...transitions[draft.place.app][kind],
    resource_id: transitionResources[kind],
    duration: toRange(start, end, draft.sequence.settings.fps).duration,
    is_overlap: kind === 'crossfade',
    category_id: '',
    category_name: '',
    platform: 'all',
  });

export function addMusic(draft: Draft, music: Media, duration: number): string {
  const file = addFile(draft, music, { kind: 'music', duration, width: 0, height: 0 });
  const id = newId();
  draft.materials.audios!.push({
    id,
    local_material_id: file.id,
    music_id: id,
    name: file.name,
    path: file.path,
    duration,
    type: 'extract_music',
    app_id: 0,
    category_id: '',
    category_name: 'local',
    check_flag: 3,
    copyright_limit_type: 'none',
    effect_id: '',
    formula_id: '',
    source_platform: 0,
    wave_points: [],
  });
  return id;
}

export const addFade = (draft: Draft, duration: number): string =>
  addMaterial(draft, 'audio_fades', {
    type: 'audio_fade',
    fade_type: 0,
    fade_in_duration: 0,
    fade_out_duration: duration,
  });

export const addCaption = (draft: Draft, text: string): string => addMaterial(draft, 'texts', captionOf(text));

/** White with a black border; ranges of text count UTF-16 units, as JavaScript does. */
function captionOf(text: string): Json {
  const solid = (color: number[]) => ({ alpha: 1, color });
  const style = {
    range: [0, text.length],
    size: captionSize,
    bold: false,
    italic: false,
    underline: false,
    fill: { alpha: 1, content: { render_type: 'solid', solid: solid([1, 1, 1]) } },
    strokes: [{ content: { solid: solid([0, 0, 0]) }, width: 0.08 }],
  };
  return {
    type: 'subtitle',
    content: JSON.stringify({ styles: [style], text }),
    typesetting: 0,
    alignment: 1,
    letter_spacing: 0,
    line_spacing: 0.02,
    line_feed: 1,
    line_max_width: 0.82,
    force_apply_line_max_width: false,
    check_flag: 15,
    global_alpha: 1,
  };
}

function addFile({ place, files }: Draft, media: Media, facts: Omit<DraftFile, 'id' | 'name' | 'path'>): DraftFile {
  const parts = media.path.split('/');
  const path = [place.folder, ...parts].join(place.separator);
  const file = { id: newId(), name: parts.at(-1)!, path, ...facts };
  files.push(file);
  return file;
}

export function addMaterial({ materials }: Draft, list: string, fields: Json): string {
  const id = newId();
  materials[list]!.push({ id, ...fields });
  return id;
}

export const newId = (): string => randomUUID().toUpperCase();
export const toMicros = (frame: number, fps: number): number => Math.round((frame * microsPerS) / fps);
export const toRange = (from: number, to: number, fps: number): Range => ({
  start: toMicros(from, fps),
  duration: toMicros(to, fps) - toMicros(from, fps),
});
