import type { ErrorCode } from '../contract';
import { AppError } from '../utils/errors';
import type { HttpReply } from '../utils/http';

/** A language model service as its sentences for people name it. */
export type Service = { label: string; model: string; keyVariable: string; modelVariable: string; key?: string };

/** What an error body says, whatever its form: `words` are its codes and types, `text` is the vendor's own sentence. */
export type Fault = { status: number; words: string[]; param: string; text: string; requestId: string };

/** What a fault means to us: the code, and our sentence. */
export type Verdict = [code: ErrorCode, sentence: string];

const maxVendorText = 400;
// The limits of this field count per minute.
const restSeconds = 60;

/** Reads an error body defensively: an object, a bare string, HTML of a proxy or nothing; the key never comes through. */
export function readFault({ status, json, text, headers }: HttpReply, key?: string): Fault {
  const body = toObject(json);
  const error = typeof body.error === 'string' ? { message: body.error } : toObject(body.error ?? body);
  const words = [error.code, error.type, toObject(error.details).error_code].map(toText).filter(Boolean);
  const requestId = headers['request-id'] ?? headers['x-request-id'] ?? toText(body.request_id ?? error.request_id);
  return {
    status,
    words,
    param: toText(error.param),
    text: withoutSecrets(toText(error.message) || text, key),
    requestId,
  };
}

/** The error for a fault: by the provider's own table where it has an opinion, else by the HTTP status. */
export function toFaultError(service: Service, fault: Fault, verdict: Verdict | undefined, retryAfterMs?: number) {
  const [code, sentence] = verdict ?? judgeByStatus(service, fault.status);
  const { status, words, text, requestId } = fault;
  const seconds = retryAfterMs === undefined ? restSeconds : Math.ceil(retryAfterMs / 1000);
  const vendorWords = `${status} ${withoutSecrets(words.join(' '), service.key)}: ${text} (request ${requestId || 'unknown'})`;
  return new AppError(code, sentence, {
    cause: Object.assign(new Error(vendorWords), { status }),
    retryAfterMs,
    headers: code === 'PROVIDER_RATE_LIMITED' ? { 'Retry-After': String(seconds) } : undefined,
  });
}

function judgeByStatus({ label, model, keyVariable, modelVariable }: Service, status: number): Verdict {
  if (status === 401) {
    return ['PROVIDER_AUTH', `${label} refused the API key; check ${keyVariable} in .env and restart the server.`];
  }
  if (status === 402) {
    return [
      'PROVIDER_QUOTA',
      `${label} has no credit left for this account; top it up or choose another LLM_PROVIDER.`,
    ];
  }
  if (status === 403) {
    return ['PROVIDER_AUTH', `${label} does not let this account use the model; check its permissions and region.`];
  }
  if (status === 404) {
    const sentence = `${label} does not know the model "${model}" at this address; check ${modelVariable} and the base URL.`;
    return ['PROVIDER_NOT_CONFIGURED', sentence];
  }
  if (status === 408 || status === 504) {
    return ['PROVIDER_TIMEOUT', `${label} did not answer in time; try again later.`];
  }
  if (status === 429) {
    return ['PROVIDER_RATE_LIMITED', `${label} takes no more requests at the moment; try again in a minute.`];
  }
  if (status >= 500) return ['PROVIDER_FAILED', `${label} has a problem on its side; try again in a minute.`];
  const sentence = `${label} did not accept the request; check its base URL, and that ${modelVariable} names a model that sees pictures.`;
  return ['PROVIDER_FAILED', sentence];
}

// The key of this service, whatever else looks like one, and what a vendor quotes of the picture.
function withoutSecrets(text: string, key: string | undefined): string {
  return (key ? text.replaceAll(key, '***') : text)
    .replace(/\bsk-[\w*-]{6,}/g, '***')
    .replace(/[A-Za-z0-9+/=]{80,}/g, '…')
    .slice(0, maxVendorText);
}

const toObject = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;

const toText = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
