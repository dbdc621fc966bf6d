import { setTimeout as sleep } from 'node:timers/promises';
import { config } from '../config';
import type { Suggestion } from '../contract/conversation';
import type { FormData } from '../contract/form';
import type { Workspace } from '../contract/workspace';
import { deadlineSignal } from '../utils/deadline';
import { type AppError, toAppError } from '../utils/errors';
import { imageFile, prepareJpeg } from '../media/images';
import { logger } from '../utils/logger';
import { readSuggestion, type VideoLimits } from './read-suggestion';
import { toSchema, toSystemPrompt } from './system-prompt';

const historyTurns = 8;
const maxRetries = 2;
const firstBackOffMs = 500;
const maxRetryAfterMs = 20_000;
const maxRefusedKept = 1000;
// Small enough for every vendor, and the size to which the largest of them would scale it down.
const imageLimits = { longestSide: 1568, maxBytes: 3_000_000 };

/** One request to a language model: the rules, the earlier turns, and the question with its picture. */
export type LlmRequest = {
  system: string;
  history: { user: string; assistant: string }[];
  question: string;
  /** A JPEG of at most 1568 px; null when the workspace has no picture. */
  imageJpeg: Buffer | null;
  /** JSON schema of the reply `{message, patch}`. */
  schema: Record<string, unknown>;
  /** The user's own message and the form, for a rule-based provider. */
  message: string;
  form_data: FormData;
};

/** The model's reply, as text that should contain the JSON of the schema. */
export type LlmReply = {
  text: string;
  model: string;
  /** True when there is a picture, but the model only answered without it. */
  isImageUnseen?: boolean;
};

/** A language model that can be asked. */
export type LanguageModel = {
  name: string;
  model: string;
  suggest: (request: LlmRequest, signal: AbortSignal) => Promise<LlmReply>;
};

/** The video provider that the advice is for. */
export type VideoTarget = { name: string; model: VideoLimits };

export type SuggestionRequest = {
  workspace: Pick<Workspace, 'form_data' | 'ai_collaboration' | 'image_path'>;
  /** The user's question. */
  message: string;
  provider: LanguageModel;
  target: VideoTarget;
  /** Aborted when the client hangs up. */
  signal: AbortSignal;
};

// The last entry of each history that a vendor refused. Up to it, a history is left out, or the vendor would refuse it again.
const refusedEntries = new Set<string>();

/**
 * Asks the model for advice and the form fields to change; `form_data` contains only valid changes and may be {}.
 * Takes at most LLM_TIMEOUT_MS including retries; throws PROVIDER_* or CONTENT_REFUSED. Stores nothing.
 */
export async function suggest({ workspace, message, provider, target, signal: outer }: SuggestionRequest) {
  const startedAt = Date.now();
  const signal = deadlineSignal(config.LLM_TIMEOUT_MS, outer);
  try {
    const request = await toRequest(workspace, message, target);
    const reply = await askWithRetries(provider, request, signal, startedAt + config.LLM_TIMEOUT_MS);
    const suggestion = readSuggestion(reply.text, workspace.form_data, target.model, provider.name);
    suggestion.message ||= wordlessSentences[languageOf(message)];
    const unseen = reply.isImageUnseen ? 'refused' : isUnreadable(workspace, request) ? 'unreadable' : null;
    if (unseen) suggestion.message += `\n\n${unseenSentences[unseen][languageOf(message)]}`;
    logger.info('suggestion made', {
      provider: provider.name,
      model: reply.model,
      fields: Object.keys(suggestion.form_data),
      image_seen: request.imageJpeg !== null && !unseen,
      ms: Date.now() - startedAt,
    });
    return { suggestion, provider: provider.name, model: reply.model };
  } catch (error) {
    const newest = workspace.ai_collaboration.at(-1);
    if (toAppError(error).code === 'CONTENT_REFUSED' && newest) rememberRefused(newest._id);
    throw error;
  }
}

const imageAttached = 'The picture is attached.';
const imageHidden = 'There is a picture, which you cannot see.';

/** The same request for a model that accepts no pictures; it is told that there is one. */
export const withoutImage = (request: LlmRequest): LlmRequest => ({
  ...request,
  imageJpeg: null,
  question: request.question.replace(imageAttached, imageHidden),
});

/** The last sentence of advice given without the picture; the browser recognises it and shows it in its own language. */
export const unseenSentences = {
  refused: {
    en: 'The model did not take the picture, so this advice was given without seeing it; a model that sees pictures can be set in .env.',
    zh: '模型没有接受图片，这条建议是在没有看到图片的情况下给出的；可以在 .env 中换用能看图片的模型。',
  },
  unreadable: {
    en: 'The picture could not be read, so this advice was given without seeing it; upload the picture again.',
    zh: '图片读不出来，这条建议是在没有看到图片的情况下给出的；请重新上传图片。',
  },
};

const wordlessSentences = {
  en: 'The model proposed these changes without an explanation.',
  zh: '模型只给出了这些修改，没有说明。',
};

const isUnreadable = (workspace: SuggestionRequest['workspace'], { imageJpeg }: LlmRequest) =>
  workspace.image_path !== null && imageJpeg === null;

const languageOf = (message: string) => (/\p{Script=Han}/u.test(message) ? 'zh' : 'en');

async function toRequest(
  { form_data: form, ai_collaboration: entries, image_path: imagePath }: SuggestionRequest['workspace'],
  message: string,
  target: VideoTarget,
): Promise<LlmRequest> {
  const imageJpeg = imagePath ? await readImage(imagePath) : null;
  const attached = imageJpeg ? imageAttached : imagePath ? imageHidden : 'There is no picture yet.';
  const refused = entries.findLastIndex((entry) => refusedEntries.has(entry._id));
  return {
    system: toSystemPrompt(target.name, target.model),
    history: entries
      .slice(refused + 1)
      .slice(-historyTurns)
      .filter((entry) => entry.message.trim())
      .map((entry) => ({ user: entry.message, assistant: toAssistantTurn(entry.suggestion) })),
    question: `${attached}\nThe form as it is now: ${JSON.stringify(form)}\nThe user asks: ${message}`,
    imageJpeg,
    schema: toSchema(target.model),
    message,
    form_data: form,
  };
}

async function readImage(imagePath: string): Promise<Buffer | null> {
  try {
    return await prepareJpeg(imageFile(imagePath), imageLimits);
  } catch (error) {
    // Advice without the picture is better than none.
    logger.warn('picture not sent with the question', { image_path: imagePath, error });
    return null;
  }
}

// Leaves out our sentence about the picture, which the model would take for its own and repeat.
const toAssistantTurn = ({ message, form_data: patch }: Suggestion) =>
  JSON.stringify({
    message: Object.values(unseenSentences)
      .flatMap(({ en, zh }) => [en, zh])
      .reduce((text, sentence) => text.replace(`\n\n${sentence}`, ''), message),
    patch,
  });

function rememberRefused(entryId: string) {
  if (refusedEntries.size >= maxRefusedKept) refusedEntries.clear();
  refusedEntries.add(entryId);
}

// ---- the call

async function askWithRetries(
  provider: LanguageModel,
  request: LlmRequest,
  signal: AbortSignal,
  endsAt: number,
): Promise<LlmReply> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await provider.suggest(request, signal);
    } catch (error) {
      const failure = toAppError(error);
      logger.warn('suggestion failed', { provider: provider.name, model: provider.model, retries, error: failure });
      const waitMs = failure.retryAfterMs ?? firstBackOffMs * 2 ** retries * (1 - Math.random() / 4);
      const isWorthIt = isTransient(failure) && retries < maxRetries && waitMs <= maxRetryAfterMs;
      if (signal.aborted || !isWorthIt || Date.now() + waitMs >= endsAt) throw failure;
      await sleep(waitMs, undefined, { signal }).catch(() => {
        throw failure;
      });
    }
  }
}

// A request that timed out may still be answered and charged, so it is not retried.
const transientCodes = ['PROVIDER_FAILED', 'PROVIDER_RATE_LIMITED'];
const transientStatuses = [409, 429];

function isTransient({ code, cause }: AppError): boolean {
  const { status } = (cause ?? {}) as { status?: number };
  // A request that was rejected (400, 413, 422) would be rejected again.
  const isRefused = status !== undefined && status < 500 && !transientStatuses.includes(status);
  return transientCodes.includes(code) && !isRefused;
}
