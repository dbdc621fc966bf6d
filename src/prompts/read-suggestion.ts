import type { Suggestion } from '../contract/conversation';
import { formKeys } from '../contract/defaults';
import { formData, type AspectRatio, type FormData } from '../contract/form';
import { promptMaxCharacters } from '../contract/limits';
import { AppError } from '../utils/errors';
import { promptTooLong } from './compose-prompt';
import { messageIn } from './repair-json';
import { patchOf } from './patch';
import { findReply, isReply, type ReplyObject } from './reply-json';
import { withoutThinking } from './thoughts';
import { idOf, isWord } from './vocabulary';

const maxMessageLength = 8000;

/** The limits of the video provider that the advice must respect. */
export type VideoLimits = {
  durations_s: number[];
  aspect_ratios: AspectRatio[];
  prompt_max: number;
  negative_prompt: boolean;
  seed: boolean;
};

/** The longest prompt, in ordinary characters, that both the form and the video provider accept. */
export const promptLimit = ({ prompt_max: promptMax }: VideoLimits): number => Math.min(promptMax, promptMaxCharacters);

/**
 * Reads anything a model wrote: valid changes are kept, others dropped, and text that is not JSON becomes the message, which
 * is '' when there are only changes. Throws PROVIDER_BAD_REPLY only when there is neither.
 */
export function readSuggestion(
  text: string,
  current: FormData,
  capabilities: VideoLimits,
  provider: string,
): Suggestion {
  const plain = withoutThinking(text).trim();
  const outer = findReply(plain);
  // Some models nest the whole reply in its message.
  const isNested = typeof outer?.message === 'string' && isReply(outer.message);
  const reply = isNested ? { ...outer, ...findReply(String(outer.message)) } : outer;
  const message = (reply ? wordsOf(reply) : proseOf(plain))
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .trim()
    .slice(0, maxMessageLength)
    .toWellFormed();
  const changes = readPatch(patchOf(reply), current, capabilities);
  if (!message && Object.keys(changes).length === 0) {
    throw new AppError('PROVIDER_BAD_REPLY', `The model behind "${provider}" returned an empty answer; ask again.`);
  }
  return { message, form_data: changes };
}

function wordsOf({ message }: ReplyObject): string {
  if (typeof message === 'string') return message;
  const words = typeof message === 'object' && message !== null ? Object.values(message) : [];
  return words.filter((word) => typeof word === 'string').join('\n');
}

// Unreadable JSON is not prose, but may still contain a message.
function proseOf(text: string): string {
  const words = messageIn(text);
  if (words !== null) return words;
  const isJson = /^(?:```\w*\s*)?[{｛[]\s*(?:["“”＂'{[]|[}\]]\W*$)/.test(text);
  return isJson ? '' : text;
}

function readPatch(proposed: Map<string, unknown>, current: FormData, capabilities: VideoLimits): Partial<FormData> {
  const entries = formKeys.flatMap((key) => {
    const value = toValue(key, proposed.get(key));
    if (value === undefined || value === current[key]) return [];
    const parsed = formData.shape[key].safeParse(value);
    return parsed.success && isPossible(key, parsed.data, capabilities) ? [[key, parsed.data] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** A proposed value in the form's type: an id for a label, a number for its digits; undefined for "unchanged". */
function toValue(key: keyof FormData, proposed: unknown): unknown {
  if (proposed === null) return undefined;
  if (typeof proposed !== 'string') return proposed;
  const text = proposed.trim();
  // Models without a schema write "" or "null" for "unchanged"; taken literally, it would erase the user's text.
  if (/^(null|none|n\/a|unchanged|undefined)?$/i.test(text)) return undefined;
  switch (key) {
    case 'camera_movement':
    case 'shot_size':
    case 'lighting':
      return idOf(key, text) ?? text;
    case 'duration_s':
    case 'seed':
      return toNumber(text);
    case 'aspect_ratio':
      return text.normalize('NFKC').replace(/^\D*(\d{1,2})\s*[:/x×比]\s*(\d{1,2})(?!\d)[\s\S]*$/i, '$1:$2');
    default:
      return text;
  }
}

function toNumber(text: string): number | undefined {
  const [, digits] = /^(\d+)(?:\.0+)?\s*(?:s|secs?|seconds?|秒钟?)?$/i.exec(text.normalize('NFKC')) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function isPossible(key: keyof FormData, value: FormData[keyof FormData], capabilities: VideoLimits): boolean {
  switch (key) {
    case 'camera_movement':
    case 'shot_size':
    case 'lighting':
      return isWord(key, String(value));
    case 'prompt':
      return promptTooLong(String(value), capabilities.prompt_max) === null;
    case 'duration_s':
      return capabilities.durations_s.includes(Number(value));
    case 'aspect_ratio':
      return capabilities.aspect_ratios.some((ratio) => ratio === value);
    case 'negative_prompt':
    case 'seed':
      return capabilities[key];
    // Only the user chooses what is paid and what is sent.
    case 'provider':
    case 'model':
    case 'resolution':
    case 'audio':
    case 'start':
    case 'end':
      return false;
  }
}
