import { isReply } from './reply-json';

// The tags that open and close reasoning, in every spelling that servers leave in.
const names = 'think|thinking|thought|thoughts|reasoning|reason|seed:think';
const tags = [
  [`(?:[<＜]|&lt;)(?:${names})(?:\\s[^<>]{0,99})?(?:[>＞]|&gt;)`, `(?:[<＜]|&lt;)[/／](?:${names})(?:[>＞]|&gt;)`],
  ['\\[THINK\\]', '\\[/THINK\\]'],
  ['◁think▷', '◁/think▷'],
  ['<\\|START_THINKING\\|>', '<\\|END_THINKING\\|>'],
  ['<\\|begin_of_thought\\|>', '<\\|end_of_thought\\|>'],
  ['<\\|channel>thought\\b', '<channel\\|>'],
  ['<unused94>', '<unused95>'],
];
// A tag between spaces or quotes is only a mention, unless it begins a line.
const quote = ' `"\'“”‘’「」';
const unlessMentioned = (tag: string) => `(?:(?<![${quote}])(?:${tag})|(?:${tag})(?![${quote}.,，。]))`;
const opening = unlessMentioned(tags.map(([open]) => open).join('|'));
const closing = unlessMentioned(tags.map(([, close]) => close).join('|'));

// Advice may contain these words too, so they count only at the beginning.
const frames: RegExp[] = [
  /^(?:\s{0,99}<(analysis|reflection|scratchpad)>[^]*?<\/\1>)+/i,
  /<details\s[^<>]{0,99}type="reasoning"[^<>]{0,99}>(?:(?!<details\s)[^])*?<\/details>/gi,
  /^\s*Thinking\.\.\.[ \t]*\r?\n[^]*?\.\.\.done thinking\.?/i,
  /^\s*Here(?: is|'s|’s) my thought process:[^]*?Here(?: is|'s|’s) my response:/i,
];
const thoughts: RegExp[] = [
  ...frames,
  new RegExp(`${opening}(?:(?!${opening})[^])*?${closing}`, 'gi'),
  new RegExp(`^[^]*${closing}`, 'i'),
  new RegExp(`${opening}[^]*$`, 'i'),
  // What servers put around the answer.
  /^\s*(?:<\|(?:START_RESPONSE|begin_of_solution)\|>|<(?:answer|output|response)>)/i,
  /(?:<\|(?:END_RESPONSE|end_of_solution)\|>|<\/(?:answer|output|response)>)\s{0,99}$/i,
];

/** The text without a model's reasoning, in every spelling that servers leave in; '' if there is nothing else. */
export function withoutThinking(text: string): string {
  // A valid answer may itself mention such tags.
  if (isReply(text)) return text;
  return thoughts.reduce((rest, thought) => rest.replace(thought, ''), withoutChannels(text));
}

// gpt-oss: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>..., or the words without the tags.
function withoutChannels(text: string): string {
  const finals = [...text.matchAll(/<\|channel\|>\s?final\b[\s\S]{0,99}?<\|message\|>/g)];
  const last = finals.at(-1);
  if (last) return text.slice(last.index + last[0].length).replace(/<\|(?:return|end|start|call)\|>[\s\S]*$/, '');
  if (text.includes('<|channel|>')) {
    return text.replace(/<\|channel\|>[\s\S]*?(?:<\|end\|>|$)/g, '').replace(/<\|\w{1,20}\|>/g, '');
  }
  return text.replace(/^\s*analysis[\s\S]*?assistantfinal(?:json)?/, '');
}
