// Runway: bearer key and version header, one strict body per model, no deduplication, DELETE cancels (R1, R3, R6).

import sharp from 'sharp';
import { z } from 'zod';
import { runDouble, type Double, type DoubleReply, type DoubleRequest, type Task } from './double';

const version = '2024-11-06';
const maxDataUri = 5 * 1024 * 1024;
const creditsPerSecond = 12;

const image = z.string().refine((uri) => /^(data:image\/(jpeg|png|webp);base64,|https:\/\/|runway:\/\/)/.test(uri), {
  message: 'Invalid asset: expected a data URI of an image, an HTTPS URL or a Runway URI',
});
const common = {
  promptImage: z.union([image, z.array(z.strictObject({ uri: image, position: z.literal('first') })).length(1)]),
  ratio: z.enum(['1280:720', '720:1280', '1104:832', '960:960', '832:1104', '1584:672']),
  duration: z.int().min(2).max(10),
  seed: z.int().min(0).max(4294967295).optional(),
  contentModeration: z.strictObject({ publicFigureThreshold: z.enum(['auto', 'low']) }).optional(),
};
// Runway counts UTF-16 units, `max` of zod code points.
const promptText = z
  .string()
  .min(1)
  .refine((text) => text.length <= 1000);
const createBody = z.discriminatedUnion('model', [
  z.strictObject({ model: z.literal('gen4.5'), promptText, ...common }),
  z.strictObject({ model: z.literal('gen4_turbo'), promptText: promptText.optional(), ...common }),
]);

runDouble({ handle });

async function handle(request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const { method, path, headers } = request;
  const [, key] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (!key || (double.settings.api_key !== null && key !== double.settings.api_key)) {
    return { status: 401, body: { error: 'The API key is not valid.' } };
  }
  if (headers['x-runway-version'] !== version) {
    return { status: 400, body: { error: 'The X-Runway-Version header is missing or names no known version.' } };
  }
  if (method === 'POST' && path === '/v1/image_to_video') return create(request, double);
  const id = /^\/v1\/tasks\/([^/]+)$/.exec(path)?.[1];
  const task = id && double.tasks.get(id);
  if (!task) return { status: 404, body: { error: 'Not found.' } };
  if (method === 'GET') return { status: 200, body: show(task, request, double) };
  if (method !== 'DELETE') return { status: 405, body: { error: 'Method not allowed.' } };
  double.tasks.delete(task.id);
  return { status: 204 };
}

async function create(request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const parsed = createBody.safeParse(request.json);
  if (!parsed.success) return invalid(parsed.error.issues);
  const { promptImage } = parsed.data;
  const uri = typeof promptImage === 'string' ? promptImage : promptImage[0]!.uri;
  const fault = await faultOfImage(uri);
  if (fault) return invalid([{ code: 'custom', path: ['promptImage'], message: fault }]);
  const task = double.accept(request);
  const credits = creditsPerSecond * parsed.data.duration;
  return { status: 200, body: { id: task.id, estimatedCost: { credits } } };
}

const invalid = (issues: unknown): DoubleReply => ({
  status: 400,
  body: { error: 'Validation of body failed', issues, docUrl: 'https://docs.dev.runwayml.com/api' },
});

async function faultOfImage(uri: string): Promise<string | null> {
  if (!uri.startsWith('data:')) return null;
  if (uri.length >= maxDataUri) return 'The data URI is too long.';
  const [type, data = ''] = uri.slice('data:image/'.length).split(';base64,');
  try {
    const { format, width, height } = await sharp(Buffer.from(data, 'base64')).metadata();
    if (format !== type) return `The data is ${format}, not ${type}.`;
    const ratio = width / height;
    return ratio < 0.5 || ratio > 2 ? 'The width / height ratio must be between 0.5 and 2.' : null;
  } catch {
    return 'The image could not be read.';
  }
}

function show(task: Task, request: DoubleRequest, { phaseOf, linkTo, settings }: Double): object {
  const { duration } = task.request.json as { duration: number };
  const cost = { credits: creditsPerSecond * duration };
  const base = { id: task.id, createdAt: new Date(task.created_ms).toISOString() };
  const { code, message } = settings.failure;
  switch (phaseOf(task)) {
    case 'queued':
      return { ...base, status: 'PENDING', estimatedCost: cost };
    case 'completed':
      return { ...base, status: 'SUCCEEDED', output: [linkTo(task, request)], cost };
    case 'failed':
      return { ...base, status: 'FAILED', failure: message, failureCode: code || 'INTERNAL', cost: { credits: 0 } };
    case 'cancelled':
      return { ...base, status: 'CANCELLED', cost: { credits: 0 } };
    default: {
      const age = Date.now() - task.created_ms - settings.queued_ms;
      return { ...base, status: 'RUNNING', progress: Math.min(0.99, age / Math.max(1, settings.running_ms)) };
    }
  }
}
