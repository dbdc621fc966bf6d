import { parseLoosely, type ReplyObject } from './reply-json';

// Models put the changes under names of their own, in a list, or under dotted keys and paths.
const wrappers = ['patch', 'form_data', 'changes', 'updates', 'fields', 'form'];
const namingKeys = ['field', 'key', 'name', 'path'];
const maxDepth = 4;

/** The changes that a reply proposes, by the last part of their keys; the last of two changes to one field counts. */
export function patchOf(reply: ReplyObject | null): Map<string, unknown> {
  const { message: _words, patch, ...others } = reply ?? {};
  const changes = new Map<string, unknown>();
  collect(patch ?? others, changes, maxDepth);
  return changes;
}

function collect(given: unknown, changes: Map<string, unknown>, depth: number): void {
  const proposed = typeof given === 'string' ? parseLoosely(given) : given;
  if (typeof proposed !== 'object' || proposed === null || depth === 0) return;
  if (Array.isArray(proposed)) {
    for (const change of proposed) collect(toChange(change), changes, depth - 1);
    return;
  }
  for (const [key, value] of Object.entries(proposed)) {
    const name = key.split(/[./]/).at(-1) ?? key;
    if (wrappers.includes(name)) collect(value, changes, depth - 1);
    else changes.set(name, value);
  }
}

/** `{field: 'lighting', value: 'soft'}` as `{lighting: 'soft'}`; anything else unchanged. */
function toChange(change: unknown): unknown {
  if (typeof change !== 'object' || change === null) return undefined;
  const fields = change as Record<string, unknown>;
  const naming = namingKeys.find((key) => typeof fields[key] === 'string');
  if (!naming || !('value' in fields)) return change;
  return { [String(fields[naming])]: fields.value };
}
