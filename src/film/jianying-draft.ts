import {
  addCaption,
  addFade,
  addMaterial,
  addMusic,
  addPicture,
  addTransition,
  microsPerS,
  newId,
  toMicros,
  toRange,
  type Draft,
  type DraftPlace,
  type Json,
} from './draft-materials';
import { toDraftMeta } from './draft-meta';
import { draftDefaults, emptyMaterials, segmentDefaults } from './draft-template';
import { repeat, type Sequence, type SequenceShot } from './sequence';

// The draft of 剪映 and CapCut, by the writers pyJianYingDraft and capcut-cli. All times are whole microseconds, and two segments
// of a track that overlap by one of them are refused, so that both ends are rounded and then subtracted. Media must lie in the
// folder of the draft, with their absolute path, and be listed in `draft_meta_info.json` under their `local_material_id`.

const captionHeight = -0.8;

const apps = {
  jianying: { app_id: 3704, app_source: 'lv', app_version: '5.9.0' },
  capcut: { app_id: 359289, app_source: 'cc', app_version: '6.5.0' },
} as const;

/** The files of a draft beside its media: the timeline, and what tells the app which media were imported. */
export function toDraft(sequence: Sequence, place: DraftPlace): { timeline: string; meta: string } {
  const { settings, width, height, frames } = sequence;
  const draft: Draft = { sequence, place, materials: emptyMaterials(), files: [] };
  const id = newId();
  const { app, name, separator } = place;
  const platform = { ...apps[app], os: separator === '/' ? 'mac' : 'windows' };
  const tracks = [picturesOf(draft), ...musicOf(draft), ...captionsOf(draft)];
  const duration = toMicros(frames, settings.fps);
  const seconds = Math.floor(Date.now() / 1000);
  const timeline = {
    ...draftDefaults,
    id,
    name,
    duration,
    fps: settings.fps,
    canvas_config: { width, height, ratio: 'original' },
    create_time: seconds,
    update_time: seconds,
    platform,
    last_modified_platform: platform,
    materials: draft.materials,
    tracks,
  };
  return { timeline: JSON.stringify(timeline), meta: toDraftMeta(place, { id, duration, files: draft.files }) };
}

function picturesOf(draft: Draft): Json {
  const { shots, settings } = draft.sequence;
  const segments = shots.map((shot, index) => {
    const target = toRange(shot.from, shot.to, settings.fps);
    const isPhoto = shot.media.lengthS === null;
    const skipped = toMicros(shot.from, settings.fps) - toMicros(shot.start, settings.fps);
    const source = { start: Math.round(shot.fromS * microsPerS) + skipped, duration: target.duration };
    const join = shots[index + 1]?.join;
    return segment(draft, {
      material_id: addPicture(draft, shot, source),
      target_timerange: target,
      source_timerange: source,
      volume: isPhoto ? 1 : shot.shot.cut.volume,
      clip: placing(scaleOf(shot, draft.sequence), 0),
      uniform_scale: { on: true, value: 1 },
      hdr_settings: { intensity: 1, mode: 1, nits: 1000 },
      render_index: 0,
      extra_material_refs: [...backgroundOf(draft), ...(join ? [addTransition(draft, join)] : [])],
    });
  });
  return track('video', segments);
}

/** The app fits a clip into the canvas; a crop is a clip enlarged until nothing is left free. */
function scaleOf({ media }: SequenceShot, { width, height, settings }: Sequence): number {
  if (settings.fit !== 'crop' || !media.width || !media.height) return 1;
  const ratios = [width / media.width, height / media.height];
  return Math.max(...ratios) / Math.min(...ratios);
}

function backgroundOf(draft: Draft): string[] {
  if (draft.sequence.settings.fit !== 'blur') return [];
  const blur = { type: 'canvas_blur', blur: 0.375, color: '#FFFFFFFF', source_platform: 0 };
  return [addMaterial(draft, 'canvases', blur)];
}

function musicOf(draft: Draft): Json[] {
  const { music, frames, settings } = draft.sequence;
  if (!music) return [];
  const length = Math.round(music.lengthS * microsPerS);
  const total = toMicros(frames, settings.fps);
  const materialId = addMusic(draft, music, length);
  const pieces = repeat(length, total);
  const segments = pieces.map((piece, index) => {
    const fade = Math.min(Math.round(settings.music_fade_out_s * microsPerS), piece.length);
    const isFading = index === pieces.length - 1 && fade > 0;
    return segment(draft, {
      material_id: materialId,
      target_timerange: { start: piece.start, duration: piece.length },
      source_timerange: { start: 0, duration: piece.length },
      volume: settings.music_volume,
      // With anything else, the app crashes on a sound.
      clip: null,
      hdr_settings: null,
      render_index: 0,
      extra_material_refs: isFading ? [addFade(draft, fade)] : [],
    });
  });
  return [track('audio', segments)];
}

function captionsOf(draft: Draft): Json[] {
  const { captions, settings } = draft.sequence;
  if (captions.length === 0) return [];
  const segments = captions.map(({ text, start, end }) =>
    segment(draft, {
      material_id: addCaption(draft, text),
      target_timerange: toRange(start, end, settings.fps),
      source_timerange: null,
      volume: 1,
      clip: placing(1, captionHeight),
      uniform_scale: { on: true, value: 1 },
      render_index: 15_000,
      extra_material_refs: [],
    }),
  );
  return [track('text', segments)];
}

/** A segment, which needs an entry for its speed. */
function segment(
  draft: Draft,
  { extra_material_refs: refs, ...fields }: Json & { extra_material_refs: string[] },
): Json {
  const speed = addMaterial(draft, 'speeds', { type: 'speed', mode: 0, speed: 1, curve_speed: null });
  return { ...segmentDefaults, id: newId(), ...fields, extra_material_refs: [speed, ...refs] };
}

const track = (type: 'video' | 'audio' | 'text', segments: Json[]): Json => ({
  id: newId(),
  type,
  name: '',
  is_default_name: true,
  attribute: 0,
  flag: 0,
  segments,
});

const placing = (scale: number, y: number): Json => ({
  alpha: 1,
  flip: { horizontal: false, vertical: false },
  rotation: 0,
  scale: { x: scale, y: scale },
  transform: { x: 0, y },
});
