// Pika: X-API-Key, presigned upload on a host that refuses the key, Idempotency-Key, jobs with explicit nulls (P1 to P6).

import { z } from 'zod';
import { runDouble, sha256, type Double, type DoubleReply, type DoubleRequest, type Task } from './double';

const maxUploadBytes = 20_000_000;

const uploadBody = z.strictObject({ content_type: z.string(), size_bytes: z.int().min(1) });
const link = z.string().regex(/^https?:\/\//, 'must be an http or https URL');
const common = {
  prompt: z.string().nullish(),
  negative_prompt: z.string().nullish(),
  resolution: z.enum(['720p', '1080p']).optional(),
  seed: z.int().nullish(),
};
/** A create as its catalog record takes it: the pictures in their order, the length, and what a second of that costs. */
type Create = { images: string[]; seconds: number; microsPerS: number };

/** The body of a create by the name of its model (P1). */
const bodies: Record<string, z.ZodType<Create>> = {
  'pika-2.5': z
    .strictObject({ ...common, image: link, duration_s: z.literal([5, 10]).default(5) })
    .transform(({ image, duration_s: seconds, resolution }) => {
      const large = seconds === 5 ? 90_000 : 60_000;
      return { images: [image], seconds, microsPerS: resolution === '720p' ? 40_000 : large };
    }),
  pikaframes: z
    .strictObject({
      ...common,
      images: z.array(link).min(2).max(5),
      transition_duration_s: z.int().min(1).max(10).default(5),
    })
    .refine((body) => body.transition_duration_s <= 5 || body.images.length === 2, 'over 5 s needs exactly 2 keyframes')
    .transform(({ images, transition_duration_s: each, resolution }) => {
      return { images, seconds: each * (images.length - 1), microsPerS: resolution === '720p' ? 40_000 : 60_000 };
    }),
};

/** What was granted and, once it is there, uploaded; by the last part of the address. */
const uploads = new Map<string, { type: string; size: number; file: Buffer | null }>();
const jobsByKey = new Map<string, { task: Task; body: string }>();

runDouble({
  idPrefix: 'media_',
  handle,
  reset() {
    uploads.clear();
    jobsByKey.clear();
  },
});

function handle(request: DoubleRequest, double: Double): DoubleReply {
  const { method, path, headers } = request;
  if (path.startsWith('/storage/')) return store(request);
  const key = headers['x-api-key'] ?? /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (!key || (double.settings.api_key !== null && key !== double.settings.api_key)) {
    return { status: 401, body: { message: 'Invalid API key' } };
  }
  if (method === 'POST' && path === '/v1/media/uploads') return grant(request);
  const [, model] = /^\/v1\/media\/pika\/([^/]+)\/image-to-video$/.exec(path) ?? [];
  const body = model && method === 'POST' && bodies[model];
  if (body) return create(body, request, double);
  const [, id, content] = /^\/v1\/media\/jobs\/([^/]+)(\/content)?$/.exec(path) ?? [];
  const task = id && double.tasks.get(id);
  if (!task) return { status: 404, body: { message: 'Not found' } };
  if (method === 'DELETE') {
    double.cancel(task);
    return { status: 204 };
  }
  if (method !== 'GET') return { status: 405, body: { message: 'Method not allowed' } };
  if (!content) return { status: 200, body: show(task, request, double) };
  if (double.phaseOf(task) !== 'completed') return { status: 404, body: { message: 'Content is not ready' } };
  return { status: 200, body: { url: double.linkTo(task, request) } };
}

function grant({ json, base }: DoubleRequest): DoubleReply {
  const parsed = uploadBody.safeParse(json);
  if (!parsed.success) return { status: 422, body: { message: z.prettifyError(parsed.error) } };
  const { content_type: type, size_bytes: size } = parsed.data;
  if (!/^image\/(jpeg|png|webp|gif)$/.test(type)) return { status: 415, body: { message: 'Unsupported content type' } };
  if (size > maxUploadBytes) return { status: 413, body: { message: 'File is too large' } };
  const name = `${sha256(`${uploads.size} ${Date.now()}`).slice(0, 16)}.jpg`;
  uploads.set(name, { type, size, file: null });
  const headers = { 'Content-Type': type, 'Content-Length': String(size) };
  const url = `${base}/storage/${name}`;
  return { status: 200, body: { upload_url: `${url}?X-Signature=double`, headers, url } };
}

function store({ method, path, headers, query, bytes }: DoubleRequest): DoubleReply {
  const granted = uploads.get(path.split('/').pop() ?? '');
  const isSigned = granted && query.get('X-Signature') === 'double' && method === 'PUT';
  const carriesKey = headers['x-api-key'] !== undefined || headers.authorization !== undefined;
  const fits = granted && headers['content-type'] === granted.type && bytes.length === granted.size;
  if (!isSigned || carriesKey || !fits) {
    const body = '<Error><Code>SignatureDoesNotMatch</Code></Error>';
    return { status: 403, headers: { 'Content-Type': 'application/xml' }, body };
  }
  granted.file = bytes;
  return { status: 200, body: '' };
}

function create(shape: z.ZodType<Create>, request: DoubleRequest, double: Double): DoubleReply {
  const parsed = shape.safeParse(request.json);
  if (!parsed.success) return { status: 422, body: { message: z.prettifyError(parsed.error) } };
  const { images, seconds, microsPerS } = parsed.data;
  const files = images.map((image) => uploads.get(image.split('/').pop() ?? '')?.file ?? null);
  if (images.some((image, index) => image.startsWith(`${request.base}/storage/`) && !files[index])) {
    return { status: 422, body: { message: 'image: could not be fetched' } };
  }
  const key = request.headers['idempotency-key'];
  const idempotencyKey = typeof key === 'string' ? key : undefined;
  const body = sha256(request.bytes);
  const known = idempotencyKey ? jobsByKey.get(idempotencyKey) : undefined;
  if (known && known.body !== body) {
    return { status: 409, body: { message: 'Idempotency-Key was used with another request' } };
  }
  const frames = { first: files[0] ?? null, last: files.length > 1 ? (files.at(-1) ?? null) : null };
  const order = { price_micros: seconds * microsPerS, frames, idempotency_key: idempotencyKey };
  const task = known?.task ?? double.accept(request, order);
  if (idempotencyKey) jobsByKey.set(idempotencyKey, { task, body });
  return { status: known ? 200 : 202, body: { id: task.id, status: 'queued' } };
}

function show(task: Task, request: DoubleRequest, double: Double): object {
  const phase = double.phaseOf(task);
  const pending = { state: 'pending', charge_micro_usd: null };
  const settled = { state: 'settled', charge_micro_usd: task.end?.billed_micros };
  const billing = task.end
    ? (double.tell(task, settled, { state: 'settled', charge_micro_usd: 'much' }) ?? pending)
    : pending;
  const job = { id: task.id, output: null, error: null, billing };
  if (phase === 'completed') {
    const video = { url: double.linkTo(task, request) };
    return { ...job, status: 'completed', output: { media_type: 'video', video } };
  }
  if (phase === 'queued' || phase === 'running') return { ...job, status: phase };
  const { code, message } = double.settings.failure;
  return { ...job, status: 'failed', error: { code: code || 'internal', message } };
}
