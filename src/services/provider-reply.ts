import type { ErrorCode } from '../contract';
import { AppError } from '../utils/errors';
import type { HttpReply } from '../utils/http';
import { logger } from '../utils/logger';

/** A video service as its sentences for people name it. */
export type VideoService = { label: string; key: string; keyVariable: string };

const maxVendorText = 400;

/** Whether the HTTP status is one of success. */
export const isSuccess = ({ status }: HttpReply): boolean => status >= 200 && status < 300;

/** What a vendor wrote, for the log only: cut short, and without the key, should the vendor repeat it. */
export const vendorText = (text: string, { key }: VideoService): string =>
  text.replaceAll(key, '***').slice(0, maxVendorText);

const sentences: Partial<Record<ErrorCode, (service: VideoService) => string>> = {
  PROVIDER_AUTH: ({ label, keyVariable }) =>
    `${label} refuses the API key; check ${keyVariable} and the base URL in .env, and restart the server.`,
  PROVIDER_QUOTA: ({ label }) => `The account at ${label} is out of credits; top it up and try again.`,
  PROVIDER_RATE_LIMITED: ({ label }) => `${label} takes no more requests at the moment; it is asked again later.`,
  PROVIDER_BAD_REPLY: ({ label, keyVariable }) =>
    `${label} does not know this task; check that ${keyVariable} belongs to the account that made it.`,
  INVALID_INPUT: ({ label }) => `${label} does not take this picture; choose another one and try again.`,
  CONTENT_REFUSED: ({ label }) => `${label} refused this picture; choose another one and try again.`,
};

/** The error of a request that got no answer about its task: our sentence for `code`, the vendor's words in the cause. */
export function replyError(service: VideoService, reply: HttpReply, code: ErrorCode = 'PROVIDER_FAILED'): AppError {
  const { status, text, retryAfterMs } = reply;
  const sentence = sentences[code]?.(service) ?? `${service.label} could not answer the request; try again later.`;
  const cause = Object.assign(new Error(`HTTP ${status}: ${vendorText(text, service)}`), { status });
  return new AppError(code, sentence, { cause, retryAfterMs });
}

/** The error of an answer about another task than the one that was asked for. */
export function foreignTask(service: VideoService, asked: string, got: { id: string }[]): AppError {
  const ids = got.map(({ id }) => id).join(', ') || 'nothing';
  const cause = new Error(`asked for ${asked}, got ${ids}`);
  return new AppError('PROVIDER_BAD_REPLY', sentences.PROVIDER_BAD_REPLY!(service), { cause });
}

const warnedWords = new Set<string>();

/** One line in the log for each status word that is in no table; the task counts as running. */
export function warnOfStatus({ label }: VideoService, status: string): void {
  if (warnedWords.has(`${label} ${status}`)) return;
  warnedWords.add(`${label} ${status}`);
  logger.warn('unknown status of a task', { provider: label, status });
}
