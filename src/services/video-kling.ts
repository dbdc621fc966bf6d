// The API of June 2026 with one bearer key, not the older one with signed tokens. Every reply is
// {code, message, data}, and the code takes precedence over the HTTP status: a 429 can mean "unpaid" (K1).
// POST /image-to-video/{model} {contents: [{type: prompt, text}, {type: first_frame, url: <raw base64>}, {type: last_frame, url}],
// settings: {resolution, duration}, options: {external_task_id}} -> data {id}; the same external_task_id again is a 1201.
// GET /tasks?task_ids=ID or ?external_task_ids=ID -> data [] of {id, status, message, outputs, billing}, empty for an unknown id:
// submitted, processing, succeeded, failed. There is no cancel (K1, K2). The rows of billing are the whole bill (K3).

import { z } from 'zod';
import { apiKey, baseUrl, readSettings } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { Money } from '../contract/money';
import type { VideoError } from '../contract/video';
import { klingModels } from './kling-models';
import { extraModels, modelIsGone, offerModels } from './offer-models';
import { completedAt, defineVideoProvider, usd, type Checked, type Submitted } from './provider';
import { AppError } from '../utils/errors';
import { sendRequest, type HttpReply, type HttpRequest } from '../utils/http';
import { parseReply } from '../utils/parse';
import { composePrompt } from '../prompts/compose-prompt';
import { prepareJpeg } from '../media/images';
import { foreignTask, isSuccess, redact, replyError, statusCodes, warnOfStatus, type Service } from './provider-errors';

const { values, ...settings } = readSettings(
  z.object({
    KLING_API_KEY: apiKey,
    KLING_BASE_URL: baseUrl('https://api-singapore.klingai.com'),
    KLING_MODEL: z.string().default('kling-3.0'),
    KLING_EXTRA_MODELS: extraModels,
  }),
);

const service: Service = { label: 'Kling', key: values.KLING_API_KEY, keyVariable: 'KLING_API_KEY' };

// Well under the documented 10 MB, even as base64 (K1, K2).
const maxImageBytes = 7_000_000;
const minSide = 300;
const imageRatios: [number, number] = [0.4, 2.5];
const minWaitMs = 1000;
const microsPerUnit = 140_000;

const { models, default_model } = offerModels('KLING', klingModels, settings, {
  extra: values.KLING_EXTRA_MODELS,
  defaultModel: values.KLING_MODEL,
});
const modelOf = (id: string) => models.find((model) => model.id === id);

const envelopeShape = z.object({ code: z.number(), data: z.unknown().optional() });
const createdShape = z.object({ id: z.string().min(1).max(200) });
const rowShape = z.object({
  charge_type: z.enum(['cash', 'unit']),
  amount: z.union([
    z.number(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ]),
  currency: z.string().nullish().catch(null),
});
const tasksShape = z.array(
  z.object({
    id: z.string(),
    status: z.string(),
    external_id: z.string().nullish().catch(null),
    message: z.string().nullish().catch(null),
    billing: z.array(rowShape).nullish().catch(null),
    outputs: z
      .array(z.object({ type: z.string().nullish(), url: z.string().nullish() }))
      .nullish()
      .catch(null),
  }),
);
type Task = z.infer<typeof tasksShape>[number];

/** Kling's image-to-video API (K1, K2). */
export default defineVideoProvider({
  name: 'kling',
  settings,
  models,
  default_model,
  deduplication: 'lookup',

  image: (imageFile, { form_data: form }) =>
    prepareJpeg(imageFile, {
      aspectRatio: form.aspect_ratio,
      clampRatio: imageRatios,
      longestSide: 2048,
      shortestSide: minSide,
      maxBytes: maxImageBytes,
    }),

  async submit(job, signal) {
    const { form_data: form, image, endImage } = job;
    const model = modelOf(job.model);
    if (!model) return modelIsGone(job.model);
    const text = composePrompt(form, model.prompt_max);
    const reply = await ask('POST', `/image-to-video/${job.model}`, signal, {
      contents: [
        ...(text ? [{ type: 'prompt', text }] : []),
        { type: 'first_frame', url: image.toString('base64') },
        ...(endImage ? [{ type: 'last_frame', url: endImage.toString('base64') }] : []),
      ],
      settings: {
        resolution: job.resolution,
        duration: form.duration_s,
        ...(model.audio === 'switch' && { audio: job.audio ? 'native' : 'off' }),
        ...model.settings,
      },
      options: { external_task_id: job.attempt_id },
    });
    if (isAccepted(reply)) return { state: 'accepted', taskId: dataOf(createdShape, reply).id };
    if (codeOf(reply) !== badParameters) return readRefusal(reply);
    // A repeated create gets the same code as bad parameters, so look for the first one (K2).
    const taskId = await findTask(job.attempt_id, signal).catch((error: AppError) => {
      // Drops `unsent`, which is about the lookup and would be taken to be about the create.
      throw new AppError(error.code, error.message, { cause: error });
    });
    return taskId ? { state: 'accepted', taskId } : readRefusal(reply);
  },

  async check(taskId, signal) {
    const tasks = await listTasks('task_ids', taskId, signal);
    const task = tasks.find(({ id }) => id === taskId);
    if (task) return readTask(task);
    if (tasks.length > 0) throw foreignTask(service, taskId, tasks);
    return { state: 'not_found', reason: 'the list of tasks is empty' };
  },

  lookup: findTask,
});

async function findTask(attemptId: string, signal: AbortSignal): Promise<string | null> {
  const tasks = await listTasks('external_task_ids', attemptId, signal);
  return tasks.find((task) => task.external_id === attemptId)?.id ?? null;
}

async function listTasks(key: 'task_ids' | 'external_task_ids', id: string, signal: AbortSignal): Promise<Task[]> {
  const reply = await ask('GET', `/tasks?${key}=${encodeURIComponent(id)}`, signal);
  if (!isAccepted(reply)) throw replyError(service, reply, faultOf(reply) ?? undefined);
  return dataOf(tasksShape, reply);
}

function ask(method: HttpRequest['method'], path: string, signal: AbortSignal, json?: unknown): Promise<HttpReply> {
  const headers = { Authorization: `Bearer ${values.KLING_API_KEY}` };
  const url = values.KLING_BASE_URL + path;
  return sendRequest({ provider: service.label, method, url, headers, json, signal, isPaid: method === 'POST' });
}

/** The code in the body; null when the body is not from this API, so that only the HTTP status is left. */
const codeOf = ({ json }: HttpReply) =>
  parseReply(envelopeShape.nullable().catch(null), json, service.label)?.code ?? null;

// A 2xx without a code counts as accepted; parsing its data then fails.
const isAccepted = (reply: HttpReply) => isSuccess(reply) && (codeOf(reply) ?? 0) === 0;

const dataOf = <Data>(shape: z.ZodType<Data>, { json }: HttpReply): Data =>
  parseReply(shape, parseReply(envelopeShape, json, service.label).data, service.label);

const badParameters = 1201;

// K1. Null: the task may or may not have been created before the server failed.
const codes: Record<number, ErrorCode | null> = {
  1000: 'PROVIDER_AUTH',
  1001: 'PROVIDER_AUTH',
  1002: 'PROVIDER_AUTH',
  1003: 'PROVIDER_AUTH',
  1004: 'PROVIDER_AUTH',
  1100: 'PROVIDER_QUOTA',
  1101: 'PROVIDER_QUOTA',
  1102: 'PROVIDER_QUOTA',
  1103: 'PROVIDER_AUTH',
  1200: 'INVALID_INPUT',
  [badParameters]: 'INVALID_INPUT',
  1202: 'PROVIDER_NOT_CONFIGURED',
  1203: 'PROVIDER_NOT_CONFIGURED',
  1300: 'CONTENT_REFUSED',
  1301: 'CONTENT_REFUSED',
  1302: 'PROVIDER_RATE_LIMITED',
  1303: 'PROVIDER_RATE_LIMITED',
  1304: 'PROVIDER_AUTH',
  5000: null,
  5001: 'PROVIDER_FAILED',
  5002: null,
};

function faultOf(reply: HttpReply): ErrorCode | null | undefined {
  const code = codeOf(reply);
  const byCode = code === null ? undefined : codes[code];
  return byCode === undefined ? statusCodes[reply.status] : byCode;
}

function readRefusal(reply: HttpReply): Submitted {
  const reason = redact(reply.text, service);
  const code = faultOf(reply);
  if (!code) throw replyError(service, reply);
  if (code !== 'PROVIDER_RATE_LIMITED' && code !== 'PROVIDER_FAILED') return { state: 'refused', code, reason };
  const retryAfterMs = Math.max(minWaitMs, reply.retryAfterMs ?? 0);
  return { state: 'not_accepted', code, reason, retryAfterMs };
}

function readTask(task: Task): Checked {
  const { status, message, outputs, billing } = task;
  if (status === 'submitted') return { state: 'queued' };
  if (status === 'processing') return { state: 'running' };
  const charge = chargeOf(billing);
  if (status === 'succeeded') return completedAt(outputs?.find(({ type }) => type === 'video')?.url, charge);
  if (status === 'failed') {
    // Late moderation shows only in the text (K1).
    const isModeration = /risk control|sensitive|content (safety|policy)/i.test(message ?? '');
    const code = isModeration ? 'CONTENT_REFUSED' : 'TASK_FAILED';
    const reason = redact(message || 'no message', service);
    return { state: 'failed', code, reason, charged: chargedBy(charge), ...(charge && { charge }) };
  }
  warnOfStatus(service, status);
  return { state: 'running' };
}

// What a failed task costs is not documented (K1), so only its bill tells.
function chargedBy(charge: Money | undefined): VideoError['charged'] {
  if (!charge) return 'maybe';
  return charge.micros > 0 ? 'yes' : 'no';
}

/** The sum of a bill; undefined if it is missing, or if a row of it cannot be counted. */
function chargeOf(rows: Task['billing']): Money | undefined {
  const amounts = rows?.map(moneyOf) ?? [];
  const [first] = amounts;
  if (!first || amounts.some((amount) => amount?.currency !== first.currency)) return undefined;
  const sum = usd(amounts.reduce((micros, amount) => micros + amount!.micros, 0));
  return sum && { ...sum, currency: first.currency };
}

// A unit of a pack counts at its list price (K3), which is known in dollars only.
function moneyOf({ charge_type: type, amount, currency }: z.infer<typeof rowShape>): Money | undefined {
  if (type === 'unit') return currency === 'CNY' ? undefined : usd(amount * microsPerUnit);
  const money = usd(amount * 1_000_000);
  return money && (currency === 'USD' || currency === 'CNY') ? { ...money, currency } : undefined;
}
