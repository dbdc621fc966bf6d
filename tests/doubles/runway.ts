// Runway: bearer key and version header, one strict body per model, no deduplication, DELETE cancels (R1, R3, R6).

import sharp from 'sharp';
import { createBody, creditsOf, framesOf } from './runway-bodies';
import { runDouble, type Double, type DoubleReply, type DoubleRequest, type Task } from './double';

const version = '2024-11-06';
const maxDataUri = 5 * 1024 * 1024;
const microsPerCredit = 10_000;
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
  double.cancel(task);
  return { status: 204 };
}

async function create(request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const parsed = createBody.safeParse(request.json);
  if (!parsed.success) return invalid(parsed.error.issues);
  const minSide = parsed.data.model === 'h3_max' ? 256 : 1;
  for (const { uri } of framesOf(parsed.data.promptImage)) {
    const fault = await faultOfImage(uri, minSide);
    if (fault) return invalid([{ code: 'custom', path: ['promptImage'], message: fault }]);
  }
  const task = double.accept(request, {
    price_micros: Math.round(creditsOf(parsed.data) * microsPerCredit),
    frames: { first: fileOf(parsed.data.promptImage, 'first'), last: fileOf(parsed.data.promptImage, 'last') },
  });
  const estimatedCost = double.tell(task, costOf(task.price_micros), damagedCost);
  return { status: 200, body: { id: task.id, estimatedCost } };
}

/** The file of the picture at a position; null if it is a link. */
function fileOf(pictures: Parameters<typeof framesOf>[0], position: 'first' | 'last'): Buffer | null {
  const frame = framesOf(pictures).find((one) => one.position === position);
  return frame?.uri.startsWith('data:') ? Buffer.from(frame.uri.split(';base64,')[1]!, 'base64') : null;
}

const costOf = (micros: number) => ({ credits: micros / microsPerCredit });
const damagedCost = { credits: 'many' };

const invalid = (issues: unknown): DoubleReply => ({
  status: 400,
  body: { error: 'Validation of body failed', issues, docUrl: 'https://docs.dev.runwayml.com/api' },
});

async function faultOfImage(uri: string, minSide: number): Promise<string | null> {
  if (!uri.startsWith('data:')) return null;
  if (uri.length >= maxDataUri) return 'The data URI is too long.';
  const [type, data = ''] = uri.slice('data:image/'.length).split(';base64,');
  try {
    const { format, width, height } = await sharp(Buffer.from(data, 'base64')).metadata();
    if (format !== type) return `The data is ${format}, not ${type}.`;
    if (Math.min(width, height) < minSide) return `Each side must have at least ${minSide} pixels.`;
    const ratio = width / height;
    return ratio < 0.5 || ratio > 2 ? 'The width / height ratio must be between 0.5 and 2.' : null;
  } catch {
    return 'The image could not be read.';
  }
}

function show(task: Task, request: DoubleRequest, double: Double): object {
  const { phaseOf, linkTo, settings } = double;
  const phase = phaseOf(task);
  const estimatedCost = double.tell(task, costOf(task.price_micros), damagedCost);
  const cost = double.tell(task, costOf(task.end?.billed_micros ?? 0), damagedCost);
  const base = { id: task.id, createdAt: new Date(task.created_ms).toISOString() };
  const { code, message } = settings.failure;
  switch (phase) {
    case 'queued':
      return { ...base, status: 'PENDING', estimatedCost };
    case 'completed':
      return { ...base, status: 'SUCCEEDED', output: [linkTo(task, request)], cost };
    case 'failed':
      return { ...base, status: 'FAILED', failure: message, failureCode: code || 'INTERNAL', cost };
    case 'cancelled':
      return { ...base, status: 'CANCELLED', cost };
    default: {
      const age = Date.now() - task.created_ms - settings.queued_ms;
      return {
        ...base,
        status: 'RUNNING',
        estimatedCost,
        progress: Math.min(0.99, age / Math.max(1, settings.running_ms)),
      };
    }
  }
}
