import fc from 'fast-check';
import { emptyForm, idleVideo, newFilmSettings, wholeClip } from '../../src/contract/defaults';
import { frameRates, transitions, type FilmSettings } from '../../src/contract/film';
import { toDraft } from '../../src/film/jianying-draft';
import { planFilm, type Shot } from '../../src/film/plan';
import { toSequence } from '../../src/film/sequence';

const place = { app: 'jianying', folder: '/drafts/Boat', name: 'Boat', separator: '/' } as const;
type Clip = { seconds: number; in_s: number; caption: string };

function draftOf(clips: Clip[], more: Partial<FilmSettings> = {}, musicS: number | null = null) {
  const settings = { ...newFilmSettings, ...more };
  const shots = clips.map(({ seconds, in_s, caption }): Shot => ({
    _id: 'a'.repeat(24),
    image_url: null,
    form_data: emptyForm,
    cut: { ...wholeClip, in_s, caption, volume: 0.3 },
    video: { ...idleVideo, status: 'completed', file_duration_s: seconds },
    takes: [],
  }));
  const plan = planFilm(shots, settings);
  const files = clips.map(({ seconds }, index) => ({
    ...{ path: `media/${index}.mp4`, width: 640, height: 640, lengthS: seconds, fps: 24, hasAudio: true },
  }));
  const music = musicS === null ? null : { ...files[0]!, path: 'media/music.mp3', lengthS: musicS };
  const sequence = toSequence(plan, files, { title: 'Boat', settings, width: 1920, height: 1080, music });
  const { timeline, meta } = toDraft(sequence, place);
  return { plan, draft: JSON.parse(timeline), meta: JSON.parse(meta) };
}

const clip = (seconds: number, caption = ''): Clip => ({ seconds, in_s: 0, caption });

test('no two segments of a track overlap by a microsecond, and the pictures leave no gap', () => {
  const clips = fc.array(
    fc.record({
      seconds: fc.double({ min: 0.02, max: 20, noNaN: true }),
      in_s: fc.double({ min: 0, max: 5, noNaN: true }),
      caption: fc.constantFrom('', 'words'),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const settings = fc.record({
    fps: fc.constantFrom(...frameRates),
    transition: fc.constantFrom(...transitions),
    transition_ms: fc.integer({ min: 0, max: 2000 }),
  });
  fc.assert(
    fc.property(clips, settings, fc.double({ min: 0.5, max: 9, noNaN: true }), (shots, more, musicS) => {
      const { plan, draft } = draftOf(shots, more, musicS);
      for (const { type, segments } of draft.tracks) {
        let end = 0;
        for (const { target_timerange: target, source_timerange: source } of segments) {
          for (const value of [target.start, target.duration]) expect(Number.isSafeInteger(value)).toBe(true);
          expect(target.duration).toBeGreaterThan(0);
          if (type === 'text') expect(target.start).toBeGreaterThanOrEqual(end);
          else expect(target.start).toBe(end);
          if (source) expect(source.duration).toBe(target.duration);
          end = target.start + target.duration;
        }
        if (type !== 'text') expect(end).toBe(Math.round((plan.frames * 1e6) / more.fps));
      }
    }),
  );
});

test('every reference leads to a material, and every file is registered', () => {
  const { draft, meta } = draftOf([clip(2, '一'), clip(2)], { transition: 'crossfade', fit: 'blur' }, 3);
  const known = new Set(
    Object.values(draft.materials as Record<string, { id: string }[]>).flatMap((list) => list.map(({ id }) => id)),
  );
  for (const { segments } of draft.tracks) {
    for (const { material_id, extra_material_refs } of segments) {
      for (const id of [material_id, ...extra_material_refs]) expect(known).toContain(id);
    }
  }
  const registered = meta.draft_materials[0].value.map((entry: { id: string; file_Path: string }) => [
    entry.id,
    entry.file_Path,
  ]);
  const used = [...draft.materials.videos, ...draft.materials.audios];
  expect(used.map((one: { local_material_id: string; path: string }) => [one.local_material_id, one.path])).toEqual(
    registered,
  );
  expect(used[0].path).toBe('/drafts/Boat/media/0.mp4');
});

test('volumes, transition, captions and the fade of the music are carried over', () => {
  const more = { transition: 'fade_black', transition_ms: 500, music_volume: 0.6, music_fade_out_s: 2 } as const;
  const { draft } = draftOf([clip(2, '你好👋'), clip(2)], more, 3);
  const [video, audio, text] = draft.tracks;
  expect(video.segments.map(({ volume }: { volume: number }) => volume)).toEqual([0.3, 0.3]);
  expect(draft.materials.transitions).toMatchObject([{ name: '闪黑', duration: 500_000, is_overlap: false }]);
  expect(video.segments[0].extra_material_refs).toContain(draft.materials.transitions[0].id);
  expect(audio.segments).toMatchObject([
    { clip: null, volume: 0.6, target_timerange: { start: 0, duration: 3_000_000 } },
    { clip: null, volume: 0.6, target_timerange: { start: 3_000_000, duration: 1_000_000 } },
  ]);
  expect(draft.materials.audio_fades).toMatchObject([{ fade_out_duration: 1_000_000 }]);
  expect(text.segments[0].target_timerange).toEqual({ start: 0, duration: 2_000_000 });
  const content = JSON.parse(draft.materials.texts[0].content);
  expect(content).toMatchObject({ text: '你好👋', styles: [{ range: [0, 4] }] });
});

test('a cropped clip of another ratio is enlarged until it fills the picture', () => {
  const scaleOf = (fit: FilmSettings['fit']) => draftOf([clip(1)], { fit }).draft.tracks[0].segments[0].clip.scale.x;
  expect(scaleOf('pad')).toBe(1);
  expect(scaleOf('crop')).toBeCloseTo(16 / 9);
});
