// The vendor's own API: the key goes into X-API-Key, to the API host only, never to the storage host (P5).
// POST /v1/media/uploads {content_type, size_bytes} -> {upload_url, headers, url}; PUT the bytes there with those headers.
// POST /v1/media/pika/{model}/image-to-video {image: url, prompt?, negative_prompt?, resolution, duration_s, seed?} with
// Idempotency-Key -> {id, status}: the same key and body return the same job, another body is a 409 (P3). With an end frame, the model
// is pikaframes, and the body has {images: [url, url], transition_duration_s} for image and duration_s (P1).
// GET /v1/media/jobs/{id} -> queued, running, completed {output.video.url}, failed {error.code}; {billing}; 404 for an unknown id.
// GET .../content -> {url} of a completed job. DELETE erases a job; a 503 means accepted but not done yet (P2).
// Refusals are {message}, or the job itself as {id, status: failed, error: {code, message}}; absent fields are null.

import { z } from 'zod';
import { apiKey, baseUrl, config, isLoopback, readSettings } from '../config';
import type { ErrorCode } from '../contract/errors';
import { aspectRatios } from '../contract/limits';
import type { Money } from '../contract/money';
import type { VideoError } from '../contract/video';
import { extraModels, offerModels } from './offer-models';
import {
  completedAt,
  defineVideoProvider,
  usd,
  type Checked,
  type Submitted,
  type VideoJob,
  type VideoModel,
} from './provider';
import { sendRequest, type HttpReply, type HttpRequest } from '../utils/http';
import { parseReply } from '../utils/parse';
import { composePrompt } from '../prompts/compose-prompt';
import { prepareJpeg } from '../media/images';
import {
  foreignTask,
  isNotFound,
  isSuccess,
  notFound,
  redact,
  replyError,
  statusCodes,
  warnOfStatus,
  type Service,
} from './provider-errors';

const { values, ...settings } = readSettings(
  z.object({
    PIKA_API_KEY: apiKey,
    PIKA_BASE_URL: baseUrl('https://api.dev.pika.art'),
    PIKA_MODEL: z.string().default('pika-2.5'),
    PIKA_EXTRA_MODELS: extraModels,
  }),
);

const service: Service = { label: 'Pika', key: values.PIKA_API_KEY, keyVariable: 'PIKA_API_KEY' };

// The vendor documents no limit; this one is ours.
const promptMax = 2500;
const table: VideoModel[] = [
  {
    id: 'pika-2.5',
    durations_s: [5, 10],
    // The video has the ratio of the picture, which is cropped to the requested ratio.
    aspect_ratios: [...aspectRatios],
    resolutions: ['720p', '1080p'],
    default_resolution: '720p',
    audio: 'never',
    end_image: true,
    prompt_max: promptMax,
    prompt_required: false,
    negative_prompt: true,
    seed: true,
    prices: [
      { resolution: '720p', audio: null, currency: 'USD', micros_per_s: 40_000 },
      // A clip of 5 s costs 0.09 USD a second; one with an end frame 0.06, which its bill says (P1).
      { resolution: '1080p', audio: null, currency: 'USD', micros_per_s: 60_000, min_micros: 450_000 },
    ],
    priced_on: '2026-10-02',
  },
];
const { models, default_model } = offerModels('PIKA', table, settings, {
  extra: values.PIKA_EXTRA_MODELS,
  defaultModel: values.PIKA_MODEL,
});
/** The vendor's model that goes from one picture to another. */
const framesModel = 'pikaframes';

// The documented cap of an upload is 20 MB (P3, P4).
const maxImageBytes = 20_000_000;
const uploadDeadlineMs = 120_000;

const grantShape = z.object({
  upload_url: z.url().refine(isSafeTarget, 'is neither https nor this machine'),
  headers: z.record(z.string(), z.string()),
  url: z.url(),
});
const createdShape = z.object({ id: z.string().min(1).max(200) });
const faultShape = z.object({ code: z.string().nullish().catch(null), message: z.string().nullish().catch(null) });
const jobShape = z.object({
  id: z.string(),
  status: z.string(),
  output: z
    .object({ video: z.object({ url: z.string().nullish() }).nullish() })
    .nullish()
    .catch(null),
  error: faultShape.nullish().catch(null),
  billing: z.object({ state: z.string().nullish(), charge_micro_usd: z.number().nullish() }).nullish().catch(null),
});
const contentShape = z.object({ url: z.unknown() }).catch({ url: null });
type Job = z.infer<typeof jobShape>;
const refusalShape = z.object({ error: faultShape.nullish().catch(null) }).nullable();

/** Pika's first-party API (P1 to P9). */
export default defineVideoProvider({
  name: 'pika',
  settings,
  models,
  default_model,
  deduplication: 'key',

  image: (imageFile, { form_data: form }) =>
    prepareJpeg(imageFile, { aspectRatio: form.aspect_ratio, longestSide: 2048, maxBytes: maxImageBytes }),

  /** Uploads the pictures and returns the whole body of the create, since a repetition must send the same one. */
  async prepare(job, signal) {
    const image = await upload(job.image, signal);
    return bodyOf(job, image, job.endImage && (await upload(job.endImage, signal)));
  },

  async submit(job, signal) {
    const model = job.endImageFile === null ? job.model : framesModel;
    const path = `/v1/media/pika/${model}/image-to-video`;
    const reply = await ask('POST', path, signal, job.prepared, { 'Idempotency-Key': job.attempt_id });
    if (isSuccess(reply)) return { state: 'accepted', taskId: parseReply(createdShape, reply.json, service.label).id };
    return readRefusal(reply);
  },

  async check(taskId, signal) {
    const reply = await ask('GET', jobPath(taskId), signal);
    if (isNotFound(reply)) return notFound(service, reply);
    if (!isSuccess(reply)) throw replyError(service, reply, faultOf(reply));
    const job = parseReply(jobShape, reply.json, service.label);
    if (job.id !== taskId) throw foreignTask(service, taskId, [job]);
    return readJob(job, signal);
  },

  async cancel(taskId, signal) {
    const reply = await ask('DELETE', jobPath(taskId), signal);
    // Neither a 503 nor a single 404 confirms it: cancel is repeated until one does, or the job is repeatedly not found (P2).
    if (!isSuccess(reply)) throw replyError(service, reply, faultOf(reply));
  },
});

function bodyOf({ form_data: form, resolution }: VideoJob, image: string, endImage: string | null) {
  const prompt = composePrompt(form, promptMax);
  const frames = { images: [image, endImage], transition_duration_s: form.duration_s };
  return {
    ...(endImage === null ? { image, duration_s: form.duration_s } : frames),
    ...(prompt && { prompt }),
    ...(form.negative_prompt && { negative_prompt: form.negative_prompt }),
    resolution,
    ...(form.seed !== null && { seed: form.seed }),
  };
}

const jobPath = (taskId: string) => `/v1/media/jobs/${encodeURIComponent(taskId)}`;

function ask(
  method: HttpRequest['method'],
  path: string,
  signal: AbortSignal,
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<HttpReply> {
  const url = values.PIKA_BASE_URL + path;
  return sendRequest({
    provider: service.label,
    method,
    url,
    headers: { 'X-API-Key': values.PIKA_API_KEY, ...headers },
    json,
    signal,
    isPaid: headers['Idempotency-Key'] !== undefined,
  });
}

/** Uploads a picture and returns the link to it. */
async function upload(jpeg: Buffer, signal: AbortSignal): Promise<string> {
  const wish = { content_type: 'image/jpeg', size_bytes: jpeg.length };
  const granted = await ask('POST', '/v1/media/uploads', signal, wish);
  if (!isSuccess(granted)) throw replyError(service, granted, faultOf(granted));
  const { upload_url: target, headers, url } = parseReply(grantShape, granted.json, service.label);
  const stored = await sendRequest({
    provider: service.label,
    method: 'PUT',
    url: target,
    headers,
    bytes: jpeg,
    signal,
    deadlineMs: uploadDeadlineMs,
  });
  if (!isSuccess(stored)) throw replyError(service, stored);
  return url;
}

function isSafeTarget(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname } = new URL(address);
  if (!isLoopback(hostname)) return protocol === 'https:';
  return /^https?:$/.test(protocol) && !config.isProduction && isLoopback(new URL(values.PIKA_BASE_URL).hostname);
}

// P4, P12. Any other code, such as `internal`, says nothing about a create, and means TASK_FAILED for a job.
const codes = new Map<string, ErrorCode>([
  ['invalid_input', 'INVALID_INPUT'],
  ['content_moderation', 'CONTENT_REFUSED'],
  ['insufficient_balance', 'PROVIDER_QUOTA'],
  ['cycle_limit_exceeded', 'PROVIDER_QUOTA'],
  ['usage_limit_exceeded', 'PROVIDER_QUOTA'],
  ['membership_required', 'PROVIDER_AUTH'],
  ['caller_plan_required', 'PROVIDER_AUTH'],
  ['admission_suspended', 'PROVIDER_AUTH'],
  ['rate_limited', 'PROVIDER_RATE_LIMITED'],
  ['provider_unavailable', 'PROVIDER_FAILED'],
]);

// For replies without a code.
const statuses: Record<number, ErrorCode> = { ...statusCodes, 503: 'PROVIDER_FAILED' };

const refusalOf = ({ json }: HttpReply) => parseReply(refusalShape.catch(null), json, service.label);

function readRefusal(reply: HttpReply): Submitted {
  const { status, retryAfterMs } = reply;
  // Another body was sent under our key, so the outcome of ours is unknown.
  if (status === 409) throw replyError(service, reply);
  const reason = redact(reply.text, service);
  const refusal = refusalOf(reply);
  const code = faultOf(reply);
  if (code === 'PROVIDER_RATE_LIMITED' || (code === 'PROVIDER_FAILED' && refusal)) {
    // A refused job may be replayed under its key (P3), but a new key could pay twice, so that is left to the next click.
    return { state: 'not_accepted', code, reason, retryAfterMs };
  }
  if (!code || code === 'PROVIDER_FAILED') throw replyError(service, reply);
  return { state: 'refused', code, reason };
}

function faultOf(reply: HttpReply): ErrorCode | undefined {
  return codes.get(refusalOf(reply)?.error?.code ?? '') ?? statuses[reply.status];
}

async function readJob(job: Job, signal: AbortSignal): Promise<Checked> {
  const { status, error } = job;
  if (status === 'queued' || status === 'running') return { state: status };
  if (status === 'completed') return readVideo(job, signal);
  if (status === 'failed') {
    const known = codes.get(error?.code ?? '');
    const code = known && known !== 'PROVIDER_FAILED' ? known : 'TASK_FAILED';
    const reason = redact(`${error?.code ?? 'no code'}: ${error?.message ?? ''}`, service);
    return { state: 'failed', code, reason, ...chargeOf(job) };
  }
  warnOfStatus(service, status);
  return { state: 'running' };
}

async function readVideo(job: Job, signal: AbortSignal): Promise<Checked> {
  const { id, output } = job;
  if (output?.video?.url) return completedAt(output.video.url, settledCharge(job));
  const reply = await ask('GET', `${jobPath(id)}/content`, signal);
  // The file is lost, unless the vendor says that it is not ready yet (P2).
  if (isNotFound(reply) && !/not (yet )?ready/i.test(reply.text)) return notFound(service, reply);
  if (!isSuccess(reply)) throw replyError(service, reply, faultOf(reply));
  return completedAt(parseReply(contentShape, reply.json, service.label).url, settledCharge(job));
}

// Failed jobs are not charged (P12b, P13), unless a settled bill says otherwise.
function chargeOf(job: Job): { charged: VideoError['charged']; charge?: Money } {
  const charge = settledCharge(job);
  return { charged: charge && charge.micros > 0 ? 'yes' : 'no', ...(charge && { charge }) };
}

// Before it is settled, a bill may still change (P2).
const settledCharge = ({ billing }: Job): Money | undefined =>
  billing?.state === 'settled' ? usd(billing.charge_micro_usd) : undefined;
