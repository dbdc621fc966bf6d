// Every request carries a bearer key and a dated version; one JSON body each way.
// POST /v1/image_to_video {model, promptImage: <data URI> or [{uri, position: first or last}], promptText, duration, and what
// runway-models.ts has for each model} -> {id, estimatedCost: {credits}}, which is the most that the task can cost.
// GET /v1/tasks/{id} -> PENDING, THROTTLED, RUNNING {progress}, SUCCEEDED {output: [url]}, FAILED {failureCode}, CANCELLED, with
// estimatedCost before the end and cost after it, which is 0 for a refunded task (R1).
// DELETE /v1/tasks/{id} cancels; afterwards, and for an unknown id, both answer 404.
// Errors are {error, issues?}, and an account without credits is a 400.
// No idempotency key and no task list: the outcome of a POST whose answer is lost stays unknown (R1, R6).
// Links expire after 24 to 48 hours; each GET of a finished task gives a fresh one (R5).

import { z } from 'zod';
import { apiKey, baseUrl, readSettings } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { Money } from '../contract/money';
import type { VideoError } from '../contract/video';
import { extraModels, modelIsGone, offerModels } from './offer-models';
import { completedAt, defineVideoProvider, usd, type Checked, type Submitted } from './provider';
import { bodyOf, microsPerCredit, runwayModels } from './runway-models';
import { sendRequest, type HttpReply, type HttpRequest } from '../utils/http';
import { parseReply } from '../utils/parse';
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
    RUNWAY_API_KEY: apiKey,
    RUNWAY_BASE_URL: baseUrl('https://api.dev.runwayml.com'),
    RUNWAY_MODEL: z.string().default('gen4.5'),
    RUNWAY_EXTRA_MODELS: extraModels,
    RUNWAY_VERSION: z
      .string()
      .regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date such as 2024-11-06')
      .default('2024-11-06'),
  }),
);

const service: Service = { label: 'Runway', key: values.RUNWAY_API_KEY, keyVariable: 'RUNWAY_API_KEY' };

// A data URI must stay below 5 MiB as text, and base64 turns three bytes into four (R3).
const maxImageBytes = 3_300_000;
// What h3_max needs (R1).
const minSide = 256;
// The narrowest and widest ratios known to be accepted (R10).
const imageRatios: [number, number] = [0.5, 2];

const { models, default_model } = offerModels('RUNWAY', runwayModels, settings, {
  extra: values.RUNWAY_EXTRA_MODELS,
  defaultModel: values.RUNWAY_MODEL,
});
const modelOf = (id: string) => models.find((model) => model.id === id);

const waitingStates = new Map<string, 'queued' | 'running'>([
  ['PENDING', 'queued'],
  // Accepted and waiting for a slot of the account, so it must never be sent again (R1).
  ['THROTTLED', 'queued'],
  ['RUNNING', 'running'],
]);

const costShape = z.object({ credits: z.number() }).nullish().catch(null);
const createdShape = z.object({ id: z.string().min(1).max(200), estimatedCost: costShape });
const taskShape = z.object({
  id: z.string(),
  status: z.string(),
  progress: z.number().min(0).max(1).nullish().catch(null),
  output: z.array(z.string()).nullish().catch(null),
  failure: z.string().nullish().catch(null),
  failureCode: z.string().nullish().catch(null),
  estimatedCost: costShape,
  cost: costShape,
});
type Task = z.infer<typeof taskShape>;
const errorShape = z
  .object({ error: z.string().catch(''), failureCode: z.string().catch('') })
  .catch({ error: '', failureCode: '' });

/** Runway's developer API (R1 to R9). */
export default defineVideoProvider({
  name: 'runway',
  settings,
  models,
  default_model,
  deduplication: 'none',

  image: (imageFile, { form_data: form }) =>
    prepareJpeg(imageFile, {
      aspectRatio: form.aspect_ratio,
      clampRatio: imageRatios,
      longestSide: 2048,
      shortestSide: minSide,
      maxBytes: maxImageBytes,
    }),

  async submit(job, signal) {
    const model = modelOf(job.model);
    if (!model) return modelIsGone(job.model);
    const reply = await ask('POST', '/v1/image_to_video', signal, bodyOf(model, job));
    if (!isSuccess(reply)) return readRefusal(reply);
    const { id, estimatedCost } = parseReply(createdShape, reply.json, service.label);
    return { state: 'accepted', taskId: id, ...withBound(estimatedCost) };
  },

  async check(taskId, signal) {
    const reply = await ask('GET', taskPath(taskId), signal);
    if (isNotFound(reply)) return notFound(service, reply);
    if (!isSuccess(reply)) throw replyError(service, reply, faults[reply.status]);
    const task = parseReply(taskShape, reply.json, service.label);
    if (task.id !== taskId) throw foreignTask(service, taskId, [task]);
    return readTask(task);
  },

  async cancel(taskId, signal) {
    const reply = await ask('DELETE', taskPath(taskId), signal);
    // A single 404 may only mean that the task is not visible yet; only repeated ones mean that it is gone.
    if (!isSuccess(reply)) throw replyError(service, reply, faults[reply.status]);
  },
});

const taskPath = (taskId: string) => `/v1/tasks/${encodeURIComponent(taskId)}`;

function ask(method: HttpRequest['method'], path: string, signal: AbortSignal, json?: unknown): Promise<HttpReply> {
  const headers = { Authorization: `Bearer ${values.RUNWAY_API_KEY}`, 'X-Runway-Version': values.RUNWAY_VERSION };
  const url = values.RUNWAY_BASE_URL + path;
  return sendRequest({ provider: service.label, method, url, headers, json, signal, isPaid: method === 'POST' });
}

// What a failed GET or DELETE means for us; it says nothing about the task.
const faults: Record<number, ErrorCode> = {
  401: 'PROVIDER_AUTH',
  403: 'PROVIDER_AUTH',
  404: 'PROVIDER_BAD_REPLY',
  429: 'PROVIDER_RATE_LIMITED',
};

function readRefusal(reply: HttpReply): Submitted {
  const { status, retryAfterMs } = reply;
  const reason = redact(reply.text, service);
  const { error, failureCode } = parseReply(errorShape, reply.json, service.label);
  if (status === 429) return { state: 'not_accepted', code: 'PROVIDER_RATE_LIMITED', reason, retryAfterMs };
  // A 503 without Runway's own error body comes from a proxy, which knows nothing about the task.
  if (status === 503 && error) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason, retryAfterMs };
  if (status === 400 && /\bcredits?\b/i.test(error)) return { state: 'refused', code: 'PROVIDER_QUOTA', reason };
  if (status < 500 && isModeration(failureCode)) return { state: 'refused', code: 'CONTENT_REFUSED', reason };
  // Any other status leaves open whether the task was created (R6, R7).
  const code = statusCodes[status];
  if (!code) throw replyError(service, reply);
  return { state: 'refused', code, reason };
}

function readTask(task: Task): Checked {
  const { status, failure, failureCode } = task;
  const waiting = waitingStates.get(status);
  if (waiting) return { state: waiting, progress: task.progress, ...withBound(task.estimatedCost) };
  if (status === 'SUCCEEDED') return completedAt(task.output?.[0], moneyOf(task.cost));
  // Both spellings occur (R11).
  if (status === 'CANCELLED' || status === 'CANCELED') {
    return { state: 'failed', code: 'CANCELLED', reason: status, ...chargeOf(task) };
  }
  if (status === 'FAILED') {
    const reason = redact(`${failureCode ?? 'no code'}: ${failure ?? ''}`, service);
    return { state: 'failed', code: failureCodeOf(failureCode ?? ''), reason, ...chargeOf(task) };
  }
  warnOfStatus(service, status);
  return { state: 'running' };
}

const isModeration = (failureCode: string) => /^(INPUT_PREPROCESSING\.)?SAFETY(\.|$)/.test(failureCode);

// R9, R11. INTERNAL.*, THIRD_PARTY.UNAVAILABLE, a missing code and new codes are vendor failures.
function failureCodeOf(failureCode: string): ErrorCode {
  if (isModeration(failureCode)) return 'CONTENT_REFUSED';
  if (/^(ASSET\.INVALID|THIRD_PARTY\.INPUT_VALIDATION)(\.|$)/.test(failureCode)) return 'INVALID_INPUT';
  return 'TASK_FAILED';
}

// The task's `cost` decides; without it, only a refused input is known to be billed (R9).
function chargeOf({ cost, failureCode }: Task): { charged: VideoError['charged']; charge?: Money } {
  const charge = moneyOf(cost);
  if (charge) return { charged: charge.micros > 0 ? 'yes' : 'no', charge };
  return { charged: failureCode?.startsWith('SAFETY.INPUT') ? 'yes' : 'maybe' };
}

const moneyOf = (cost: Task['cost']): Money | undefined => usd(cost && cost.credits * microsPerCredit);

function withBound(estimatedCost: Task['estimatedCost']): { bound?: Money } {
  const bound = moneyOf(estimatedCost);
  return bound ? { bound } : {};
}
