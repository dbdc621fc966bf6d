import type { FilmSettings } from './film';
import type { FormData } from './form';
import type { FileFacts, Origin, Video } from './video';
import type { Cut } from './workspace';

// No zod here, so that the browser can import these values without loading it.

export const emptyForm: FormData = {
  camera_movement: '',
  shot_size: '',
  lighting: '',
  prompt: '',
  negative_prompt: '',
  duration_s: 5,
  aspect_ratio: '16:9',
  seed: null,
  provider: '',
  model: '',
  resolution: '',
  audio: false,
  start: 'image',
  end: 'none',
};

export const formKeys = Object.keys(emptyForm) as (keyof FormData)[];

/** The facts of a file that has not been read. */
export const unknownFacts: FileFacts = {
  width: null,
  height: null,
  file_duration_s: null,
  fps: null,
  has_audio: null,
  size: null,
};

/** What a clip of before was made from and cost, which was not stored. */
export const unknownOrigin: Origin = {
  image_url: null,
  end_image_url: null,
  from_attempt_id: null,
  from_s: null,
  style: '',
  negative_style: '',
  cost: null,
};

export const idleVideo: Video = {
  status: 'idle',
  task_id: null,
  url: null,
  error: null,
  provider: null,
  model: null,
  phase: null,
  progress: null,
  poster_url: null,
  attempt_id: null,
  form_data: null,
  started_at: null,
  completed_at: null,
  ...unknownFacts,
  ...unknownOrigin,
};

export const wholeClip: Cut = { caption: '', in_s: 0, out_s: null, volume: 1 };

export const newFilmSettings: FilmSettings = {
  aspect_ratio: '16:9',
  resolution: '1080p',
  fps: 24,
  fit: 'pad',
  transition: 'cut',
  transition_ms: 500,
  style: '',
  negative_style: '',
  music_path: null,
  music_url: null,
  music_volume: 0.6,
  music_fade_out_s: 2,
  music_ducking: true,
  spend_limit: null,
};
