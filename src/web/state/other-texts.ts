import type { Changes } from '../../contract/workspace';
import { announce, say } from './notices';
import { getState, setState } from './store';

/** Typing goes on over a note that just came; one that was there for so long has been read. */
const readWithinMs = 4000;
/** The fields that a person edits: those of the form, and of the place in the film. */
const isField = (key: string): boolean => /^(form_data|cut)\./.test(key);

const nameOf = (id: string, field: string): string => `${id} ${field}`;

/** Keeps, for each field of a shot, the value that was written elsewhere and is no longer shown. */
export function keepOtherTexts(id: string, values: Changes): void {
  const kept = Object.entries(values)
    .filter(([key]) => isField(key))
    .map(([key, value]) => [nameOf(id, key), { value, at: Date.now() }] as const);
  if (kept.length === 0) return;
  setState(({ otherTexts }) => ({ otherTexts: { ...otherTexts, ...Object.fromEntries(kept) } }));
  announce(say('elsewhere.title'));
}

export function dropOtherText(id: string, field: string): void {
  setState(({ otherTexts: { [nameOf(id, field)]: _, ...others } }) => ({ otherTexts: others }));
}

/** Drops the values of fields that are edited on, once the person has had the time to see that there are any. */
export function dropReadTexts(id: string, keys: string[]): void {
  for (const field of keys) {
    const other = getState().otherTexts[nameOf(id, field)];
    if (other && Date.now() - other.at > readWithinMs) dropOtherText(id, field);
  }
}
