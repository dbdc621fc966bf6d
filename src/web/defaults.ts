import type { aiEntriesKept } from '../contract/conversation';
import type { FormData, promptMaxCharacters } from '../contract/form';
import type { takesKept, Video } from '../contract/video';

// The values of the contract live beside zod schemas, which a browser need not load; the types hold these to them.

export const maxAiEntries: typeof aiEntriesKept = 50;
export const maxTakes: typeof takesKept = 20;
export const promptMax: typeof promptMaxCharacters = 2000;

export const emptyForm: FormData = {
  camera_movement: '',
  shot_size: '',
  lighting: '',
  prompt: '',
  negative_prompt: '',
  duration_s: 5,
  aspect_ratio: '16:9',
  seed: null,
};

export const formKeys = Object.keys(emptyForm) as (keyof FormData)[];

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
};
