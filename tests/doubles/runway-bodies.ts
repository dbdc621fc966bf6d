// What Runway's image_to_video takes for each model: the types of its SDK (R1), and the lengths of its pages (R8), as strict shapes.
// Written apart from the table of the product, which it judges.

import { z } from 'zod';

const uri = z.string().refine((text) => /^(data:image\/(jpeg|png|webp);base64,|https:\/\/|runway:\/\/)/.test(text), {
  message: 'Invalid asset: expected a data URI of an image, an HTTPS URL or a Runway URI',
});
const first = z.union([uri, z.array(z.strictObject({ uri, position: z.literal('first') })).length(1)]);

type Frame = { uri: string; position?: 'first' | 'last' };
const count = (frames: Frame[], position: Frame['position']) =>
  frames.filter((frame) => frame.position === position).length;
const areFrames = (frames: Frame[]) => count(frames, 'first') === 1 && count(frames, 'last') <= 1;

const keyframes = z.union([
  uri,
  z
    .array(z.strictObject({ uri, position: z.literal(['first', 'last']) }))
    .refine(areFrames, 'One first frame is needed, and at most one last frame.'),
]);
/** Keyframes, or references without a position. */
const pictures = z.union([
  keyframes,
  z.array(z.strictObject({ uri })).min(1, 'Keyframes and references cannot be mixed.'),
]);

// Runway counts UTF-16 units, `max` of zod code points.
const text = (max: number) =>
  z
    .string()
    .min(1)
    .refine((words) => words.length <= max);
const long = z.string().min(1);
const whole = (least: number, most: number) => z.int().min(least).max(most);
const seed = z.int().min(0).max(4294967295).optional();
const audio = z.boolean().optional();

const gen4 = {
  promptImage: first,
  ratio: z.literal(['1280:720', '720:1280', '1104:832', '960:960', '832:1104', '1584:672']),
  seed,
  contentModeration: z.strictObject({ publicFigureThreshold: z.enum(['auto', 'low']).optional() }).optional(),
};

const veo = {
  promptImage: keyframes,
  promptText: text(1000).optional(),
  ratio: z.literal(['1280:720', '720:1280', '1080:1920', '1920:1080']),
  duration: z.literal([4, 6, 8]).optional(),
  audio,
  negativePrompt: z.string().optional(),
  seed,
};

const seedance480 = ['992:432', '864:496', '752:560', '640:640', '560:752', '496:864'] as const;
const seedance720 = ['1470:630', '1280:720', '1112:834', '960:960', '834:1112', '720:1280'] as const;
const seedance1080 = ['2206:946', '1920:1080', '1664:1248', '1440:1440', '1248:1664', '1080:1920'] as const;
const seedance4k = ['3840:1646', '3840:2160', '3840:2880', '3840:3840', '2880:3840', '2160:3840'] as const;
const seedance = {
  promptImage: pictures,
  promptText: text(3500).optional(),
  ratio: z.literal([...seedance480, ...seedance720]).optional(),
  duration: z.union([whole(4, 15), z.literal('auto')]).optional(),
  audio,
  seed,
};

const wanRatios = ['832:480', '720:544', '624:624', '544:720', '480:832', '1280:720', '1104:832', '960:960'] as const;
const wanLarge = ['832:1104', '720:1280', '1920:1080', '1648:1248', '1440:1440', '1248:1648', '1080:1920'] as const;
const wanAuto = ['auto_480p', 'auto_720p', 'auto_1080p'] as const;
const wan = {
  promptImage: pictures,
  promptText: long,
  ratio: z.literal([...wanRatios, ...wanLarge, ...wanAuto]).optional(),
  duration: whole(2, 30).optional(),
  audio,
};
const followsFrame = ({ promptImage, ratio }: { promptImage: string | Frame[]; ratio?: string }) =>
  ratio === undefined || ratio.startsWith('auto_') || framesOf(promptImage).every(({ position }) => !position);
const keyframesMustUseAuto = 'Keyframes must use auto_480p, auto_720p or auto_1080p.';

/** The body of a create, by its model. */
export const createBody = z.discriminatedUnion('model', [
  z.strictObject({ model: z.literal('gen4.5'), ...gen4, promptText: text(1000), duration: whole(2, 10) }),
  z.strictObject({
    model: z.literal('gen4_turbo'),
    ...gen4,
    promptText: text(1000).optional(),
    duration: whole(2, 10).optional(),
  }),
  z.strictObject({ model: z.literal('veo3.1'), ...veo }),
  z.strictObject({ model: z.literal('veo3.1_fast'), ...veo }),
  z.strictObject({
    model: z.literal('seedance2'),
    ...seedance,
    ratio: z.literal([...seedance480, ...seedance720, ...seedance1080, ...seedance4k]).optional(),
  }),
  z.strictObject({ model: z.literal('seedance2_fast'), ...seedance }),
  z.strictObject({ model: z.literal('seedance2_mini'), ...seedance }),
  z.strictObject({
    model: z.literal('seedance2_5'),
    ...seedance,
    promptText: text(15_000).optional(),
    ratio: z
      .literal(['992:432', '854:480', '752:560', '640:640', '560:752', '480:854', ...seedance720, ...seedance1080])
      .optional(),
    duration: z.union([whole(4, 30), z.literal('auto')]).optional(),
  }),
  z.strictObject({
    model: z.literal('hailuo3'),
    promptImage: pictures,
    promptText: long,
    ratio: z.literal(['adaptive', '21:9', '16:9', '4:3', '1:1', '3:4', '9:16']).optional(),
    resolution: z.literal(['768p', '2k', '768P', '2K']).optional(),
    duration: whole(5, 15).optional(),
  }),
  z.strictObject({
    model: z.literal('h3_max'),
    promptImage: keyframes,
    promptText: long,
    promptExpansionMode: z.literal(['disabled', 'balanced', 'quality']).optional(),
    resolution: z.literal(['480p', '768p']).optional(),
    duration: whole(5, 15).optional(),
    seed,
  }),
  z.strictObject({ model: z.literal('wan3'), ...wan }).refine(followsFrame, keyframesMustUseAuto),
  z.strictObject({ model: z.literal('wan3_prime'), ...wan }).refine(followsFrame, keyframesMustUseAuto),
]);
type CreateBody = z.infer<typeof createBody>;

/** The pictures of a create; one that stands alone is the first frame. */
export const framesOf = (pictures: string | Frame[]): Frame[] =>
  typeof pictures === 'string' ? [{ uri: pictures, position: 'first' }] : pictures;

/** What a create costs by Runway's list of October 2026. */
export function creditsOf(body: CreateBody): number {
  const seconds = typeof body.duration === 'number' ? body.duration : 5;
  return Math.max(perSecond(body) * seconds, leastCredits[body.model] ?? 0);
}

const leastCredits: Partial<Record<CreateBody['model'], number>> = { seedance2_mini: 64, seedance2_5: 80 };

function perSecond(body: CreateBody): number {
  switch (body.model) {
    case 'gen4.5':
      return 12;
    case 'gen4_turbo':
      return 5;
    case 'veo3.1':
      return body.audio === false ? 20 : 40;
    case 'veo3.1_fast':
      return body.audio === false ? 10 : 15;
    case 'seedance2':
      return { '480p': 36, '720p': 36, '1080p': 40, '4k': 150 }[sizeOf(body.ratio)];
    case 'seedance2_fast':
      return 29;
    case 'seedance2_mini':
      return 16;
    case 'seedance2_5':
      return { '480p': 20, '720p': 30, '1080p': 68, '4k': 68 }[sizeOf(body.ratio)];
    case 'hailuo3':
      return body.resolution?.toLowerCase() === '2k' ? 15 : 10;
    case 'h3_max':
      return body.resolution === '480p' ? 5 : 8;
    case 'wan3':
      return { '480p': 5, '720p': 10, '1080p': 20, '4k': 20 }[sizeOf(body.ratio)];
    case 'wan3_prime':
      return { '480p': 6.8, '720p': 14, '1080p': 28, '4k': 28 }[sizeOf(body.ratio)];
  }
}

type Size = '480p' | '720p' | '1080p' | '4k';

function sizeOf(ratio = '1280:720'): Size {
  const named = /^auto_(.*)$/.exec(ratio)?.[1];
  if (named) return named as Size;
  const [width, height] = ratio.split(':').map(Number);
  const megapixels = (width! * height!) / 1_000_000;
  if (megapixels < 0.6) return '480p';
  if (megapixels < 1.5) return '720p';
  return megapixels < 5 ? '1080p' : '4k';
}
