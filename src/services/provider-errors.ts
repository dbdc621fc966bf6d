import type { ErrorCode } from '../contract/errors';
import type { VideoError } from '../contract/video';
import { notFetchedSentence } from '../media/videos';
import { AppError } from '../utils/errors';
import { timedOutSentence, unreachableSentence, type HttpReply } from '../utils/http';
import { logger } from '../utils/logger';

/** What error sentences say about a third party; `key` is redacted from its text. */
export type Service = {
  label: string;
  key?: string;
  keyVariable?: string;
  /** For language models: the model, and the variable that names it. */
  model?: string;
  modelVariable?: string;
};

const maxVendorText = 400;

/** A provider name as people read it: "Runway". */
export const providerTitle = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

// Our own sentence for each code; the vendor's text goes to the log, since it may name keys or internals.
const sentences: Partial<Record<ErrorCode, (service: Service) => string>> = {
  INVALID_INPUT: ({ label }) => `${label} does not accept this image, prompt or setting; change it and try again.`,
  IMAGE_UNREADABLE: () => 'The image cannot be read; upload it again or choose another one.',
  IMAGE_MISSING: () => 'The file of the image is gone; upload it again.',
  PREVIOUS_CLIP_MISSING: () =>
    'This shot starts from the shot before, which has no clip that can be read; generate that one first, or start from a picture.',
  NEXT_IMAGE_MISSING: () =>
    'This shot ends on the picture of the shot after, which has none; add one there, or let this shot end on something else.',
  CONTENT_REFUSED: ({ label }) =>
    `${label} refused this under its content policy; change the prompt or the image and try again.`,
  PROVIDER_RATE_LIMITED: ({ label }) => `${label} is limiting requests; try again in a minute.`,
  PROVIDER_FAILED: ({ label }) => unreachableSentence(label),
  PROVIDER_BAD_REPLY: ({ label }) =>
    `${label} returned a response that the server does not understand; check its status page and try again later.`,
  PROVIDER_TIMEOUT: ({ label }) => timedOutSentence(label),
  PROVIDER_NOT_CONFIGURED: ({ label, model, modelVariable }) =>
    modelVariable
      ? `${label} does not know the model "${model}" at this address; check ${modelVariable} and the base URL.`
      : `${label} is not set up on this server; the log says what is missing.`,
  PROVIDER_AUTH: ({ label, keyVariable }) =>
    `${label} refused the API key; check ${keyVariable ?? 'it'} in .env and restart the server.`,
  PROVIDER_QUOTA: ({ label }) => `The account at ${label} is out of credits; top it up and try again.`,
  SUBMIT_UNKNOWN: ({ label }) =>
    `The answer from ${label} was lost, so it may have started and charged this video; check your account there before you generate again.`,
  TIMEOUT: ({ label }) =>
    `${label} did not finish in time; it is checked for another 24 hours, and a late video will appear here.`,
  BUSY: () =>
    'The server stood still before this video was sent, so it was not sent and costs nothing; generate it again.',
  CANCELLED: () => 'The generation was cancelled.',
  DOWNLOAD_FAILED: ({ label }) => notFetchedSentence(label),
  TASK_FAILED: ({ label }) => `${label} could not make this video; try again, or change the prompt or the image.`,
};

/** The sentence that people read for an error code of a provider. */
const sentenceOf = (code: ErrorCode, service: Service): string =>
  sentences[code]?.(service) ?? 'The video could not be made; the server log has the details.';

/** The sentence for the only thing that the local renderer can lack. */
const ffmpegSentence =
  'The local renderer needs an ffmpeg with libx264; install one, or set FFMPEG_PATH to it, and restart the server.';

/** The error of a video as people read it, and whether it was charged. */
export const videoErrorOf = (code: ErrorCode, provider: string, charged: VideoError['charged']): VideoError => {
  const isOfFfmpeg = code === 'PROVIDER_NOT_CONFIGURED' && provider === 'local';
  return { code, message: isOfFfmpeg ? ffmpegSentence : sentenceOf(code, { label: providerTitle(provider) }), charged };
};

/** The error of a task that its provider no longer has, so that the next click is charged. */
export const goneErrorOf = (provider: string): VideoError => ({
  code: 'TASK_FAILED',
  message: `${providerTitle(provider)} no longer has this video, so it cannot be downloaded; generating it again will be charged again.`,
  charged: 'yes',
});

/** What a video says once the user has settled whether its lost create was charged. */
export const settledSentence = (provider: string, charged: boolean): string =>
  `The answer from ${providerTitle(provider)} was lost. Its account says that this video was ${charged ? '' : 'not '}charged.`;

/** The error of a generation that was queued for too long: never submitted, unless the database comes from a backup. */
export const staleErrorOf = (provider: string): VideoError => ({
  code: 'SUBMIT_UNKNOWN',
  message:
    `This video was still queued when the server went down for a long time, so it was not started automatically. Generate it ` +
    `again; if the database comes from a backup, check your account at ${providerTitle(provider)} first.`,
  charged: 'maybe',
});

/** What an HTTP status means for our request unless the vendor is more specific; spread it and override. */
export const statusCodes: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_INPUT',
  401: 'PROVIDER_AUTH',
  402: 'PROVIDER_QUOTA',
  403: 'PROVIDER_AUTH',
  404: 'PROVIDER_NOT_CONFIGURED',
  405: 'PROVIDER_NOT_CONFIGURED',
  413: 'INVALID_INPUT',
  415: 'INVALID_INPUT',
  422: 'INVALID_INPUT',
  429: 'PROVIDER_RATE_LIMITED',
};

/** Whether the HTTP status is 2xx. */
export const isSuccess = ({ status }: HttpReply): boolean => status >= 200 && status < 300;

/** Whether the vendor itself answers "not found"; an HTML page comes from a proxy or a wrong address. */
export const isNotFound = ({ status, text }: HttpReply): boolean =>
  (status === 404 || status === 410) && !text.trimStart().startsWith('<');

/** The answer of `check` when the vendor does not have the task or its file. */
export const notFound = (service: Service, { status, text }: HttpReply) => ({
  state: 'not_found' as const,
  reason: `HTTP ${status}: ${redact(text, service)}`,
});

/** A vendor's text for the log only: without keys and quoted image data, and cut short. */
export function redact(text: string, { key }: Service): string {
  return (key ? text.replaceAll(key, '***') : text)
    .replace(/\b(sk|key)[-_][\w*-]{6,}/g, '***')
    .replace(/[A-Za-z0-9+/=]{80,}/g, '…')
    .slice(0, maxVendorText);
}

/** The error for a failed reply: our sentence for `code`, the vendor's text in the cause. */
export function replyError(service: Service, reply: HttpReply, code: ErrorCode = 'PROVIDER_FAILED'): AppError {
  const { status, text, retryAfterMs } = reply;
  const cause = Object.assign(new Error(`HTTP ${status}: ${redact(text, service)}`), { status });
  return new AppError(code, sentenceOf(code, service), { cause, retryAfterMs });
}

/** The error for a reply about a task that was not asked for. */
export function foreignTask(service: Service, asked: string, got: { id: string }[]): AppError {
  const cause = new Error(`asked for ${asked}, got ${got.map(({ id }) => id).join(', ')}`);
  return new AppError('PROVIDER_BAD_REPLY', sentenceOf('PROVIDER_BAD_REPLY', service), { cause });
}

const warnedStatuses = new Set<string>();

/** Logs each unknown task status once; the task counts as running. */
export function warnOfStatus({ label }: Service, status: string): void {
  if (warnedStatuses.has(`${label} ${status}`)) return;
  warnedStatuses.add(`${label} ${status}`);
  logger.warn('unknown task status', { provider: label, status });
}

/** The error body of a language model: `codes` are its codes and types, `text` is the vendor's sentence. */
export type ApiFault = { status: number; codes: string[]; param: string; text: string; requestId: string };

/** What a fault means: our code, and a sentence where the default one would say too little. */
export type Classification = [code: ErrorCode, sentence?: string];

/** Reads any error body: an object, a bare string, a proxy's HTML or nothing; the key is redacted. */
export function readFault({ status, json, text, headers }: HttpReply, service: Service): ApiFault {
  // Gemini's OpenAI-compatible mode wraps the body in an array.
  const body = toObject(Array.isArray(json) ? json[0] : json);
  const error = typeof body.error === 'string' ? { message: body.error } : toObject(body.error ?? body);
  const codes = [error.code, error.type, toObject(error.details).error_code].map(toText).filter(Boolean);
  const requestId = headers['request-id'] ?? headers['x-request-id'] ?? toText(body.request_id ?? error.request_id);
  // OpenRouter only says that its provider returned an error; the text of that error is in `metadata.raw`.
  const raw = toText(toObject(error.metadata).raw);
  const parts = [toText(error.message) || toText(error.msg), raw].filter(Boolean).join(' ');
  return { status, codes, param: toText(error.param), text: redact(parts || text, service), requestId };
}

/** The error for a fault, by the provider's own classification if there is one, else by the HTTP status. */
export function faultError(
  service: Service,
  { status, codes, text, requestId }: ApiFault,
  classified: Classification | undefined,
  retryAfterMs?: number,
): AppError {
  const [code, sentence = sentenceOf(code, service)] = classified ?? classifyByStatus(service, status);
  const words = `${status} ${redact(codes.join(' '), service)}: ${text} (request ${requestId || 'unknown'})`;
  return new AppError(code, sentence, {
    cause: Object.assign(new Error(words), { status }),
    retryAfterMs,
  });
}

function classifyByStatus({ label, modelVariable }: Service, status: number): Classification {
  if (status === 403) {
    return ['PROVIDER_AUTH', `${label} does not let this account use the model; check its permissions and region.`];
  }
  if (status === 408 || status === 504) return ['PROVIDER_TIMEOUT'];
  if (status >= 500) return ['PROVIDER_FAILED', `${label} has a problem on its side; try again in a minute.`];
  const code = statusCodes[status];
  if (code && code !== 'INVALID_INPUT') return [code];
  const sentence = `${label} did not accept the request; check its base URL and ${modelVariable}; its own message is in the log.`;
  return ['PROVIDER_FAILED', sentence];
}

const toObject = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;

const toText = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
