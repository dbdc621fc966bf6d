// Repairs the JSON of models without a strict mode: unescaped quotes inside strings, and full-width Chinese punctuation.
// A quote ends a string only if the next key or the end of the object follows.

const plainSigns: Record<string, string> = { '｛': '{', '｝': '}', '［': '[', '］': ']', '：': ':', '，': ',' };
// Far more than the longest advice that is kept.
const maxMessageRead = 32_000;
const quotes = '"“”＂';
const nextKey = `["“”＂'][\\w.$/-]{1,60}["“”＂']\\s*[:：]`;
const ends = {
  key: /\s*[:：]/y,
  '{': new RegExp(`\\s*(?:$|[}\\]｝］]|[,，]\\s*(?:$|[}｝]|${nextKey}))`, 'y'),
  '[': /\s*(?:$|[}\]｝］]|[,，]\s*(?:$|["“”＂{［｛[\d\]-]))/y,
};

/** The text with ASCII punctuation and escaped quotes in its strings; valid JSON stays valid. */
export function repairJson(text: string): string {
  const open: ('{' | '[')[] = [];
  let isKey = false;
  let mended = '';
  for (let at = 0; at < text.length; at += 1) {
    const raw = text[at]!;
    if (quotes.includes(raw)) {
      const { words, end } = readString(text, at, isKey ? 'key' : (open.at(-1) ?? '{'));
      mended += words;
      at = end;
      continue;
    }
    const sign = plainSigns[raw] ?? raw;
    if (sign === '{' || sign === '[') open.push(sign);
    if (sign === '}' || sign === ']') open.pop();
    if ('{[,:'.includes(sign)) isKey = (sign === '{' || sign === ',') && open.at(-1) === '{';
    mended += sign;
  }
  return mended;
}

/** The field `message` in text that cannot be read as JSON; null if there is none. */
export function messageIn(text: string): string | null {
  const from = text.search(/[{｛]/);
  const found = /(?:[{｛,，]\s{0,99}["“”＂']message["“”＂']|[{｛]\s{0,99}message)\s{0,99}[:：]\s{0,99}(?=["“”＂])/.exec(
    text,
  );
  if (!found || from < 0 || from > found.index) return null;
  const start = found.index + found[0].length;
  const { words } = readString(text.slice(start, start + maxMessageRead), 0, '{');
  try {
    return String(JSON.parse(words.endsWith('"') ? words : `${words}"`));
  } catch {
    return words.slice(1);
  }
}

/** The string that opens at `start` as valid JSON, and where it ends; without a closing quote if the text is truncated. */
function readString(text: string, start: number, container: keyof typeof ends) {
  const closing = text[start] === '"' ? '"' : quotes;
  let words = '"';
  for (let at = start + 1; at < text.length; at += 1) {
    const sign = text[at]!;
    if (sign === '\\') words += sign + (text[(at += 1)] ?? '\\');
    else if (closing.includes(sign) && isFollowedBy(ends[container], text, at + 1))
      return { words: `${words}"`, end: at };
    else words += sign === '"' ? '\\"' : sign < ' ' ? JSON.stringify(sign).slice(1, -1) : sign;
  }
  return { words, end: text.length };
}

function isFollowedBy(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
