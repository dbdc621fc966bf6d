import type { ErrorCode } from '../contract/errors';
import type { VideoError } from '../contract/video';
import { notFetchedSentence } from '../media/videos';
import { AppError } from '../utils/errors';
import { timedOutSentence, unreachableSentence, type HttpReply } from '../utils/http';
import { logger } from '../utils/logger';

/** A third party as sentences name it; `key` is cut out of whatever it wrote. */
export type Service = {
  label: string;
  key?: string;
  keyVariable?: string;
  /** Of language models: the model that is asked, and the variable that names it. */
  model?: string;
  modelVariable?: string;
};

const maxVendorText = 400;

/** `runway` as people read it. */
export const providerTitle = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

// Our own sentence for each code: what the vendor wrote goes to the log, since it may name keys or internals.
const sentences: Partial<Record<ErrorCode, (service: Service) => string>> = {
  INVALID_INPUT: ({ label }) => `${label} does not accept this image, prompt or setting; change it and try again.`,
  IMAGE_UNREADABLE: () => 'The image cannot be read; upload it again or choose another one.',
  IMAGE_MISSING: () => 'The file of the image is gone; upload it again.',
  CONTENT_REFUSED: ({ label }) =>
    `The moderation of ${label} refused this; change the prompt or the image and try again.`,
  PROVIDER_RATE_LIMITED: ({ label }) => `${label} is limiting requests; try again in a minute.`,
  PROVIDER_FAILED: ({ label }) => unreachableSentence(label),
  PROVIDER_BAD_REPLY: ({ label }) =>
    `${label} returned a response the server does not understand; look at its status page and try again later.`,
  PROVIDER_TIMEOUT: ({ label }) => timedOutSentence(label),
  PROVIDER_NOT_CONFIGURED: ({ label, model, modelVariable }) =>
    modelVariable
      ? `${label} does not know the model "${model}" at this address; check ${modelVariable} and the base URL.`
      : `${label} is not set up on this server; the log says what is missing.`,
  PROVIDER_AUTH: ({ label, keyVariable }) =>
    `${label} refused the API key; check ${keyVariable ?? 'it'} in .env and restart the server.`,
  PROVIDER_QUOTA: ({ label }) => `The account at ${label} is out of credits; top it up and try again.`,
  SUBMIT_UNKNOWN: ({ label }) =>
    `The answer of ${label} was lost, so it may have started and charged this video; look into your account there before you generate again.`,
  TIMEOUT: ({ label }) =>
    `${label} has not finished in time; it is checked again for 24 hours, and a late video will appear here.`,
  CANCELLED: () => 'The generation was cancelled.',
  DOWNLOAD_FAILED: ({ label }) => notFetchedSentence(label),
  TASK_FAILED: ({ label }) => `${label} could not make this video; try again, or change the prompt or the image.`,
};

/** The one English sentence that people read for a code of a provider. */
const sentenceOf = (code: ErrorCode, service: Service): string =>
  sentences[code]?.(service) ?? 'The video could not be made; the log of the server has the details.';

/** All that the renderer of this machine can lack. */
const ffmpegSentence =
  'The local renderer needs an ffmpeg that has libx264; install one, or set FFMPEG_PATH to it, and restart the server.';

/** The error of a video as people read it, with whether it was charged. */
export const videoErrorOf = (code: ErrorCode, provider: string, charged: VideoError['charged']): VideoError => {
  const isOfFfmpeg = code === 'PROVIDER_NOT_CONFIGURED' && provider === 'local';
  return { code, message: isOfFfmpeg ? ffmpegSentence : sentenceOf(code, { label: providerTitle(provider) }), charged };
};

/** The error of a task that its provider no longer has, so that the next click pays. */
export const goneErrorOf = (provider: string): VideoError => ({
  code: 'TASK_FAILED',
  message: `${providerTitle(provider)} no longer has this video, so it cannot be fetched; generating again is charged again.`,
  charged: 'yes',
});

/** The error of a generation that waited for its turn and was left alone for long: unsent, unless a backup says so. */
export const forgottenErrorOf = (provider: string): VideoError => ({
  code: 'SUBMIT_UNKNOWN',
  message:
    `This video was waiting for its turn when the server went down for long, so it was not started by itself. Generate again; ` +
    `only if the database comes from a backup, look into your account at ${providerTitle(provider)} before.`,
  charged: 'maybe',
});

/** What a status of HTTP means about a request of ours, where the vendor says nothing more exact; spread it and override. */
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

/** Whether the HTTP status is one of success. */
export const isSuccess = ({ status }: HttpReply): boolean => status >= 200 && status < 300;

/** Whether the vendor itself says that it does not have what was asked for; a page is that of a proxy or of a wrong address. */
export const isNotFound = ({ status, text }: HttpReply): boolean =>
  (status === 404 || status === 410) && !text.trimStart().startsWith('<');

/** The answer of `check` about a task, or its file, that the vendor does not have. */
export const notFound = (service: Service, { status, text }: HttpReply) => ({
  state: 'not_found' as const,
  reason: `HTTP ${status}: ${redact(text, service)}`,
});

/** What a vendor wrote, for the log only: without keys and without what it quotes of the image, cut short. */
export function redact(text: string, { key }: Service): string {
  return (key ? text.replaceAll(key, '***') : text)
    .replace(/\b(sk|key)[-_][\w*-]{6,}/g, '***')
    .replace(/[A-Za-z0-9+/=]{80,}/g, '…')
    .slice(0, maxVendorText);
}

/** The error of a reply without success: our sentence for `code`, the vendor's words in the cause. */
export function replyError(service: Service, reply: HttpReply, code: ErrorCode = 'PROVIDER_FAILED'): AppError {
  const { status, text, retryAfterMs } = reply;
  const cause = Object.assign(new Error(`HTTP ${status}: ${redact(text, service)}`), { status });
  return new AppError(code, sentenceOf(code, service), { cause, retryAfterMs });
}

/** The error of an answer about another task than the one that was asked for. */
export function foreignTask(service: Service, asked: string, got: { id: string }[]): AppError {
  const cause = new Error(`asked for ${asked}, got ${got.map(({ id }) => id).join(', ')}`);
  return new AppError('PROVIDER_BAD_REPLY', sentenceOf('PROVIDER_BAD_REPLY', service), { cause });
}

const warnedWords = new Set<string>();

/** One line in the log for each status word that is in no table; the task counts as running. */
export function warnOfStatus({ label }: Service, status: string): void {
  if (warnedWords.has(`${label} ${status}`)) return;
  warnedWords.add(`${label} ${status}`);
  logger.warn('unknown status of a task', { provider: label, status });
}

/** What an error body of a language model says: `codes` are its codes and types, `text` is the vendor's own sentence. */
export type ApiFault = { status: number; codes: string[]; param: string; text: string; requestId: string };

/** What a fault means to us: the code, and a sentence where the one of the code would say too little. */
export type Classification = [code: ErrorCode, sentence?: string];

/** Reads an error body defensively: an object, a bare string, HTML of a proxy or nothing; the key never comes through. */
export function readFault({ status, json, text, headers }: HttpReply, service: Service): ApiFault {
  // Gemini's compatible mode puts the body into a list.
  const body = toObject(Array.isArray(json) ? json[0] : json);
  const error = typeof body.error === 'string' ? { message: body.error } : toObject(body.error ?? body);
  const codes = [error.code, error.type, toObject(error.details).error_code].map(toText).filter(Boolean);
  const requestId = headers['request-id'] ?? headers['x-request-id'] ?? toText(body.request_id ?? error.request_id);
  // OpenRouter only says that its provider returned an error, whose own words stand in `metadata.raw`.
  const raw = toText(toObject(error.metadata).raw);
  const said = [toText(error.message) || toText(error.msg), raw].filter(Boolean).join(' ');
  const words = redact(said || text, service);
  return { status, codes, param: toText(error.param), text: words, requestId };
}

/** The error of a fault: by the provider's own table where it has an opinion, else by the HTTP status. */
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
  const sentence = `${label} did not accept the request; check its base URL and ${modelVariable}, the log has its own words.`;
  return ['PROVIDER_FAILED', sentence];
}

const toObject = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;

const toText = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
