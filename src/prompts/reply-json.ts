import { jsonrepair } from 'jsonrepair';
import { repairJson } from './repair-json';

/** The reply that a model was asked for; either field may contain anything. */
export type ReplyObject = { message?: unknown; patch?: unknown };

const maxStarts = 20;
// In text longer than both windows, the reply is at the beginning or at the end.
const windowLength = 32_000;
// Repairing blocks the event loop and can take quadratic time.
const maxRepairLength = 12_000;
const maxRepairedInAll = 24_000;

type Found = { reply: ReplyObject; isStrict: boolean };

/**
 * The object with a message (or at least a patch) somewhere in a text, even in slightly broken JSON; null for prose.
 * Takes milliseconds for any text: only the beginning and the end of a long one are searched.
 */
export function findReply(text: string): ReplyObject | null {
  const value = parseStrictly(text);
  const whole = toReply(value);
  if (whole) return whole;
  if (typeof value === 'string') return findReply(value);
  const narrow = text.replaceAll('｛', '{').replaceAll('｝', '}');
  return search(text) ?? (narrow === text ? null : search(narrow));
}

function search(text: string): ReplyObject | null {
  const isLong = text.length > 2 * windowLength;
  const windows = isLong ? [text.slice(0, windowLength), text.slice(-windowLength)] : [text];
  const parseWithSlips = createRepair();
  const found = windows.flatMap((window) => findIn(window, parseWithSlips));
  // The last valid object is the answer, after any draft; of broken ones the first, since the last may be truncated.
  const withWords = found.filter(({ reply }) => typeof reply.message === 'string' && reply.message.trim());
  const best = withWords.findLast(({ isStrict }) => isStrict) ?? withWords[0] ?? found[0];
  return best?.reply ?? null;
}

function findIn(text: string, parseWithSlips: (piece: string) => unknown): Found[] {
  const found: Found[] = [];
  const lastName = Math.max(text.lastIndexOf('message'), text.lastIndexOf('patch'));
  let at = text.indexOf('{');
  for (let starts = 0; at >= 0 && at < lastName && starts < maxStarts;) {
    const end = endOfObject(text, at);
    const piece = text.slice(at, end);
    const isNamed = piece.includes('message') || piece.includes('patch');
    const strict = isNamed ? toReply(parseStrictly(piece)) : null;
    const reply = strict ?? (isNamed ? toReply(repair(piece, end > text.length, parseWithSlips)) : null);
    if (reply) found.push({ reply, isStrict: strict !== null });
    if (isNamed) starts += 1;
    // An object that was taken, or that names neither field, has nothing to find inside.
    at = text.indexOf('{', reply || !isNamed ? end : at + 1);
  }
  return found;
}

/** Whether the whole text is the requested JSON. */
export const isReply = (text: string): boolean => toReply(parseStrictly(text)) !== null;

/** The text parsed as JSON, repaired if necessary; undefined if that fails. */
export function parseLoosely(text: string): unknown {
  return parseStrictly(text) ?? parseRepaired(text);
}

function toReply(value: unknown): ReplyObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { message, patch } = value as ReplyObject;
  const hasField = typeof message === 'string' || (typeof patch === 'object' && patch !== null);
  return hasField ? value : null;
}

function repair(whole: string, isOpen: boolean, parseWithSlips: (piece: string) => unknown): unknown {
  const piece = whole.slice(0, maxRepairLength);
  const isLong = piece.length < whole.length;
  const closed = piece.lastIndexOf('}') + 1;
  const mended = parseStrictly(repairJson(piece.slice(0, closed)));
  if (!isLong && toReply(mended)) return mended;
  // An object that never closes is truncated, lacks a brace, or is followed by prose.
  if (isOpen && !isLong && closed > 0 && closed < piece.length) {
    const trimmed = parseWithSlips(piece.slice(0, closed));
    if (toReply(trimmed)) return trimmed;
  }
  const parsed = parseWithSlips(piece);
  return isLong || (isOpen && isCutInValue(piece)) ? withoutLastChange(parsed) : parsed;
}

/** The index after the brace that closes the one at `start`; beyond the end of the text if there is none. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let isString = false;
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '\\') at += 1;
    else if (sign === '"') isString = !isString;
    else if (!isString && sign === '{') depth += 1;
    else if (!isString && sign === '}' && (depth -= 1) === 0) return at + 1;
  }
  return text.length + 1;
}

function isCutInValue(text: string): boolean {
  const quotes = text.replace(/\\[\s\S]/g, '').match(/"/g) ?? [];
  return quotes.length % 2 === 1 || !/["'”’}\],]\s*$/.test(text);
}

// Half a sentence must not replace a whole one in the form.
function withoutLastChange(value: unknown): unknown {
  const reply = toReply(value);
  const [name, last] = Object.entries(reply ?? {}).at(-1) ?? [];
  if (!reply || !name || name === 'message') return value;
  return { ...reply, [name]: withoutLast(last) };
}

function withoutLast(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, -1);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).slice(0, -1)) : null;
}

function parseStrictly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseRepaired(text: string): unknown {
  if (text.length > maxRepairLength) return undefined;
  return parseWithLibrary(text) ?? parseWithLibrary(repairJson(text));
}

function parseWithLibrary(text: string): unknown {
  try {
    return JSON.parse(jsonrepair(text));
  } catch {
    return undefined;
  }
}

// One budget for all repairs of a reply, since each of many starts may need one.
function createRepair(): (piece: string) => unknown {
  let left = maxRepairedInAll;
  return (piece) => {
    if (piece.length > left) return undefined;
    left -= piece.length;
    return parseRepaired(piece);
  };
}
