import { jsonrepair } from 'jsonrepair';

/** What a model was asked for; anything may stand in either field. */
export type ReplyObject = { message?: unknown; patch?: unknown };

const maxStarts = 20;
// Repairing is linear, but a reply this long is no short advice with one slip.
const maxRepairLength = 60_000;

const thoughtNames = 'think|thinking|thought|thoughts|reasoning|reason|seed:think';
const openingTag = `(?:<(?:${thoughtNames})(?:\\s[^<>]{0,99})?>|\\[THINK\\]|◁think▷)`;
const closingTag = `(?:</(?:${thoughtNames})>|\\[/THINK\\]|◁/think▷)`;
const closedThought = new RegExp(`${openingTag}(?:(?!${openingTag})[\\s\\S])*?${closingTag}`, 'gi');
const beforeClosing = new RegExp(`^[\\s\\S]*${closingTag}`, 'i');
const afterOpening = new RegExp(`${openingTag}[\\s\\S]*$`, 'i');

/** The text without what a model thought before it answered, in every spelling that servers leave in; '' when it only thought. */
export function withoutThinking(text: string): string {
  // A good answer may itself speak of such tags.
  if (toReply(parseStrictly(text))) return text;
  return withoutChannels(text).replace(closedThought, '').replace(beforeClosing, '').replace(afterOpening, '');
}

// gpt-oss: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>..., or the same without the signs.
function withoutChannels(text: string): string {
  const finals = [...text.matchAll(/<\|channel\|>\s?final\b[\s\S]{0,99}?<\|message\|>/g)];
  const last = finals.at(-1);
  if (last) return text.slice(last.index + last[0].length).replace(/<\|(?:return|end|start|call)\|>[\s\S]*$/, '');
  if (text.includes('<|channel|>')) {
    return text.replace(/<\|channel\|>[\s\S]*?(?:<\|end\|>|$)/g, '').replace(/<\|\w{1,20}\|>/g, '');
  }
  return text.replace(/^\s*analysis[\s\S]*?assistantfinal(?:json)?/, '');
}

/** The object with a message (or at least a patch) that stands somewhere in a text, JSON with a slip included; null for prose. */
export function findReply(text: string): ReplyObject | null {
  const found: { reply: ReplyObject; isStrict: boolean }[] = [];
  let at = text.indexOf('{');
  for (let starts = 0; at >= 0 && starts < maxStarts; starts += 1) {
    const end = endOfObject(text, at);
    const strict = toReply(parseStrictly(text.slice(at, end)));
    const reply = strict ?? toReply(repair(text, at, end));
    if (reply) found.push({ reply, isStrict: strict !== null });
    // Inside an object that was taken, another one can only be a part of it.
    at = text.indexOf('{', reply ? end : at + 1);
  }
  // Of a draft and the answer the answer is last; of the same object twice the second may be cut.
  const withWords = found.filter(({ reply }) => typeof reply.message === 'string' && reply.message.trim());
  const best = withWords.findLast(({ isStrict }) => isStrict) ?? withWords[0] ?? found[0];
  return best?.reply ?? null;
}

/** A value that may be the JSON of an object, as a string; undefined where it is none. */
export function parseLoosely(text: string): unknown {
  return parseStrictly(text) ?? parseRepaired(text);
}

function toReply(value: unknown): ReplyObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { message, patch } = value as ReplyObject;
  const isReply = typeof message === 'string' || (typeof patch === 'object' && patch !== null);
  return isReply ? value : null;
}

function repair(text: string, start: number, end: number): unknown {
  const isOpen = end > text.length;
  const whole = parseRepaired(text.slice(start, end));
  if (!isOpen) return whole;
  // An object that never ends was cut, lacks a brace, or has prose behind it.
  const closed = text.lastIndexOf('}') + 1;
  const trimmed = closed > start ? parseRepaired(text.slice(start, closed)) : undefined;
  if (toReply(trimmed)) return trimmed;
  return isCutInValue(text.slice(start)) ? withoutLastChange(whole) : whole;
}

/** Behind the brace that closes the one at `start`; past the end of the text when there is none. */
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

// The half of a sentence must not replace a whole one in the form.
function withoutLastChange(value: unknown): unknown {
  const reply = toReply(value);
  if (!reply || Object.keys(reply).at(-1) !== 'patch') return value;
  const { patch } = reply;
  if (typeof patch !== 'object' || patch === null) return { ...reply, patch: {} };
  return { ...reply, patch: Object.fromEntries(Object.entries(patch).slice(0, -1)) };
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
  try {
    return JSON.parse(jsonrepair(text));
  } catch {
    return undefined;
  }
}
