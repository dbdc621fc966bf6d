// Every model of Runway's image_to_video has a body of its own: other lengths, other words for a ratio, other fields (R1).
// Lengths that R1 leaves open are those of Runway's pages of models and inputs; the form takes at most 15 s of the longer ones (R8).

import type { AspectRatio } from '../contract/form';
import { aspectRatios } from '../contract/limits';
import type { Price } from '../contract/options';
import type { VideoJob, VideoModel } from './provider';
import { composePrompt } from '../prompts/compose-prompt';

/** The fields of a body that say which shape and which resolution a video gets. */
type Size = { ratio?: string; resolution?: string; promptExpansionMode?: 'disabled' };

export type RunwayModel = VideoModel & { size: (job: Pick<VideoJob, 'form_data' | 'resolution'>) => Size };

/** A credit is one US cent (R2, R8). */
export const microsPerCredit = 10_000;

// The vendor documents no limit for these prompts; this one is ours.
const ownPromptMax = 2500;

const seconds = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

const credits = (perSecond: number, resolution: string | null = null, audio: boolean | null = null): Price => ({
  resolution,
  audio,
  currency: 'USD',
  micros_per_s: Math.round(perSecond * microsPerCredit),
});

const atLeast = (least: number, prices: Price[]): Price[] =>
  prices.map((price) => ({ ...price, min_micros: least * microsPerCredit }));

type Pixels = Record<string, Partial<Record<AspectRatio, string>>>;

/** A model whose ratio is a pair of pixels, which is the resolution too. */
const byPixels = (pixels: Pixels, default_resolution: string) => ({
  aspect_ratios: Object.keys(pixels[default_resolution]!) as AspectRatio[],
  resolutions: Object.keys(pixels),
  default_resolution,
  size: ({ form_data, resolution }: Pick<VideoJob, 'form_data' | 'resolution'>): Size => ({
    ratio: pixels[resolution ?? default_resolution]![form_data.aspect_ratio]!,
  }),
});

// The shape of the video is that of its picture, which is 2:1 at the widest (R10).
const shapes = aspectRatios.filter((ratio) => ratio !== '21:9');

const every = { negative_prompt: false, prompt_required: false, seed: true, priced_on: '2026-10-04' } as const;

const gen4Ratios: Record<AspectRatio, string> = {
  '16:9': '1280:720',
  '9:16': '720:1280',
  '4:3': '1104:832',
  '3:4': '832:1104',
  '1:1': '960:960',
  '21:9': '1584:672',
};
const gen4 = {
  ...every,
  durations_s: seconds(2, 10),
  aspect_ratios: Object.keys(gen4Ratios) as AspectRatio[],
  resolutions: [],
  default_resolution: null,
  audio: 'never',
  end_image: false,
  prompt_max: 1000,
  size: ({ form_data }) => ({ ratio: gen4Ratios[form_data.aspect_ratio] }),
} satisfies Partial<RunwayModel>;

const veo = {
  ...every,
  ...byPixels(
    { '720p': { '16:9': '1280:720', '9:16': '720:1280' }, '1080p': { '16:9': '1920:1080', '9:16': '1080:1920' } },
    '720p',
  ),
  durations_s: [4, 6, 8],
  audio: 'switch',
  end_image: true,
  prompt_max: 1000,
  negative_prompt: true,
} satisfies Partial<RunwayModel>;

const seedancePixels = {
  '480p': {
    '16:9': '864:496',
    '9:16': '496:864',
    '1:1': '640:640',
    '4:3': '752:560',
    '3:4': '560:752',
    '21:9': '992:432',
  },
  '720p': {
    '16:9': '1280:720',
    '9:16': '720:1280',
    '1:1': '960:960',
    '4:3': '1112:834',
    '3:4': '834:1112',
    '21:9': '1470:630',
  },
  '1080p': {
    '16:9': '1920:1080',
    '9:16': '1080:1920',
    '1:1': '1440:1440',
    '4:3': '1664:1248',
    '3:4': '1248:1664',
    '21:9': '2206:946',
  },
  '4k': {
    '16:9': '3840:2160',
    '9:16': '2160:3840',
    '1:1': '3840:3840',
    '4:3': '3840:2880',
    '3:4': '2880:3840',
    '21:9': '3840:1646',
  },
} satisfies Pixels;
const { '480p': small, '720p': medium, '1080p': large } = seedancePixels;
const small25 = { ...small, '16:9': '854:480', '9:16': '480:854' };

const seedance = {
  ...every,
  durations_s: seconds(4, 15),
  audio: 'switch',
  end_image: true,
  prompt_max: 3500,
} satisfies Partial<RunwayModel>;

const wan = {
  ...every,
  durations_s: seconds(2, 15),
  aspect_ratios: shapes,
  resolutions: ['480p', '720p', '1080p'],
  default_resolution: '720p',
  audio: 'switch',
  end_image: true,
  prompt_max: ownPromptMax,
  prompt_required: true,
  seed: false,
  size: ({ resolution }) => ({ ratio: `auto_${resolution}` }),
} satisfies Partial<RunwayModel>;

const minimax = {
  ...every,
  durations_s: seconds(5, 15),
  default_resolution: '768p',
  audio: 'always',
  end_image: true,
  prompt_max: ownPromptMax,
  prompt_required: true,
} satisfies Partial<RunwayModel>;

/** The models, the first by default; prices as of R8. */
export const runwayModels: RunwayModel[] = [
  { ...gen4, id: 'gen4.5', prompt_required: true, prices: [credits(12)] },
  { ...gen4, id: 'gen4_turbo', prices: [credits(5)] },
  { ...veo, id: 'veo3.1', prices: [credits(20, null, false), credits(40, null, true)] },
  { ...veo, id: 'veo3.1_fast', prices: [credits(10, null, false), credits(15, null, true)] },
  {
    ...seedance,
    ...byPixels(seedancePixels, '720p'),
    id: 'seedance2',
    prices: [credits(36, '480p'), credits(36, '720p'), credits(40, '1080p'), credits(150, '4k')],
  },
  { ...seedance, ...byPixels({ '480p': small, '720p': medium }, '720p'), id: 'seedance2_fast', prices: [credits(29)] },
  {
    ...seedance,
    ...byPixels({ '480p': small, '720p': medium }, '720p'),
    id: 'seedance2_mini',
    prices: atLeast(64, [credits(16)]),
  },
  {
    ...seedance,
    ...byPixels({ '480p': small25, '720p': medium, '1080p': large }, '720p'),
    id: 'seedance2_5',
    prompt_max: 15_000,
    prices: atLeast(80, [credits(20, '480p'), credits(30, '720p'), credits(68, '1080p')]),
  },
  {
    ...minimax,
    id: 'hailuo3',
    aspect_ratios: [...aspectRatios],
    resolutions: ['768p', '2k'],
    seed: false,
    prices: [credits(10, '768p'), credits(15, '2k')],
    size: ({ form_data, resolution }) => ({ ratio: form_data.aspect_ratio, resolution: resolution! }),
  },
  {
    ...minimax,
    id: 'h3_max',
    aspect_ratios: shapes,
    resolutions: ['480p', '768p'],
    prices: [credits(5, '480p'), credits(8, '768p')],
    // As the user wrote it; a prompt that is rewritten does not repeat with its seed (R1).
    size: ({ resolution }) => ({ resolution: resolution!, promptExpansionMode: 'disabled' }),
  },
  { ...wan, id: 'wan3', prices: [credits(5, '480p'), credits(10, '720p'), credits(20, '1080p')] },
  { ...wan, id: 'wan3_prime', prices: [credits(6.8, '480p'), credits(14, '720p'), credits(28, '1080p')] },
];

/** The body of a create, which each model has of its own. */
export function bodyOf(model: RunwayModel, job: VideoJob) {
  const { form_data: form, image, endImage } = job;
  const frames = [
    { uri: uriOf(image), position: 'first' },
    ...(endImage ? [{ uri: uriOf(endImage), position: 'last' }] : []),
  ];
  const promptText = composePrompt(form, model.prompt_max);
  return {
    model: job.model,
    // Without a position, the models that take an end frame would take a picture for a reference.
    promptImage: model.end_image ? frames : uriOf(image),
    ...(promptText && { promptText }),
    ...model.size(job),
    duration: form.duration_s,
    // Where it can be chosen, sound is on by default.
    ...(model.audio === 'switch' && { audio: job.audio }),
    ...(model.negative_prompt && form.negative_prompt && { negativePrompt: form.negative_prompt }),
    ...(model.seed && form.seed !== null && { seed: form.seed }),
  };
}

const uriOf = (jpeg: Buffer) => `data:image/jpeg;base64,${jpeg.toString('base64')}`;
